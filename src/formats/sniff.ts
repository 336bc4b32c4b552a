/** What a file is by its first bytes, so that a refusal can name it. */

export type KnownFormat =
  | { readonly kind: 'png' }
  | { readonly kind: 'jpeg' }
  /** A picture in a format that is not read, or no picture at all; `name` begins with its article. */
  | { readonly kind: 'other-image' | 'not-an-image'; readonly name: string };

/** The format's name, its signature (one byte per character) and where that stands. */
type Signature = readonly [name: string, magic: string, at?: number];

const pngSignature = '\x89PNG\r\n\x1a\n';

const otherImages: readonly Signature[] = [
  ['a GIF image', 'GIF8'],
  ['a WebP image', 'WEBP', 8],
  ['an AVIF image', 'ftypavi', 4],
  ...['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1'].map(
    (brand): Signature => ['a HEIC image', `ftyp${brand}`, 4],
  ),
  ['a BMP image', 'BM'],
  ...['II*\0', 'MM\0*', 'II+\0', 'MM\0+'].map((magic): Signature => ['a TIFF image', magic]),
  ['a JPEG 2000 image', 'jP  ', 4],
  ['a JPEG 2000 image', '\xff\x4f\xff\x51'],
  ['a JPEG XL image', 'JXL ', 4],
  ['a JPEG XL image', '\xff\x0a'],
  ['an icon (ICO)', '\0\0\x01\0'],
  ['a Photoshop document', '8BPS'],
  ['a QOI image', 'qoif'],
  ['an OpenEXR image', 'v/1\x01'],
  ['a MNG animation', '\x8aMNG'],
  ['a JNG image', '\x8bJNG'],
  ...['P1', 'P2', 'P3', 'P4', 'P5', 'P6'].map((magic): Signature => ['a PNM image', `${magic}\n`]),
  ['a PDF document', '%PDF'],
];

const otherFiles: readonly Signature[] = [
  ['a git-lfs pointer, not the file that it stands for', 'version https://git-lfs'],
  ['a PNG whose signature was damaged, as by a transfer in text mode', 'PNG', 1],
  ['a PNG whose signature was damaged, as by a transfer in text mode', 'NG\r', 2],
  ['a JPEG without its first marker', 'JFIF', 4],
  ['a JPEG without its first marker', 'Exif', 4],
  ['a video (MP4)', 'ftyp', 4],
  ['a program (ELF)', '\x7fELF'],
  ['a zip archive', 'PK\x03\x04'],
  ['a gzip archive', '\x1f\x8b'],
];

/** Goes by content alone: names of files are often wrong. */
export function imageFormatOf(bytes: Uint8Array): KnownFormat {
  if (bytes.length === 0) return { kind: 'not-an-image', name: 'an empty file' };
  if (startsWith(bytes, '\xff\xd8')) return { kind: 'jpeg' };
  // a file cut inside the signature is still called a PNG, cut short
  if (bytes.length > 1 && startsWith(bytes, pngSignature.slice(0, bytes.length))) return { kind: 'png' };
  const matches = ([, magic, at]: Signature) => startsWith(bytes, magic, at);
  const image = otherImages.find(matches);
  if (image) return { kind: 'other-image', name: image[0] };
  const file = otherFiles.find(matches);
  return file ? { kind: 'not-an-image', name: file[0] } : textOrBinary(bytes);
}

function textOrBinary(bytes: Uint8Array): KnownFormat {
  const start = bytes.subarray(0, 512);
  if (start.some((byte) => byte < 9 || (byte > 13 && byte < 32))) {
    return { kind: 'not-an-image', name: 'data of no known format' };
  }
  const text = new TextDecoder().decode(start).trimStart().toLowerCase();
  if (/^<(!doctype html|html|head|body)/.test(text)) {
    return { kind: 'not-an-image', name: 'an HTML page, perhaps an error page saved under the name of an image' };
  }
  if (text.startsWith('<') && text.includes('<svg')) return { kind: 'other-image', name: 'an SVG drawing' };
  return { kind: 'not-an-image', name: /^[[{]/.test(text) ? 'JSON text' : 'text' };
}

function startsWith(bytes: Uint8Array, magic: string, at = 0): boolean {
  if (bytes.length < at + magic.length) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** Telling files apart by their first bytes: names lie, and a failed download keeps the name it was given. */

export type Format = 'zip' | 'legacy' | 'safetensors';

const hasBytes = (head: Uint8Array, ...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);

function startOfText(head: Uint8Array): string {
  return String.fromCharCode(...head.subarray(0, 200)).trimStart();
}

/** Which reader a file is for; `undefined` for none. */
export function checkpointFormatOf(head: Uint8Array): Format | undefined {
  if (hasBytes(head, 0x50, 0x4b, 3, 4)) return 'zip';
  if (head.length >= 9 && head[8] === 0x7b && head[6] === 0 && head[7] === 0) return 'safetensors';
  if (head[0] === 0x80 && (head[1] ?? 99) <= 5) return 'legacy';
  return undefined;
}

/** What a file is that no reader here takes, as a phrase for a message; `undefined` where that cannot be said. */
export function describeForeign(head: Uint8Array): string | undefined {
  if (head.length === 0) return 'an empty file';
  if (hasBytes(head, 0x50, 0x4b)) return head[2] === 5 ? 'an empty zip archive' : 'a zip archive';
  if (hasBytes(head, 0x1f, 0x8b)) return 'a gzip file (unpack it first)';
  if (hasBytes(head, 0x42, 0x5a, 0x68)) return 'a bzip2 file (unpack it first)';
  if (hasBytes(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a)) return 'an xz file (unpack it first)';
  if (hasBytes(head, 0x89, 0x48, 0x44, 0x46)) return 'an HDF5 file';
  if (hasBytes(head, 0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return 'a NumPy array file';
  if (hasBytes(head, 0x47, 0x47, 0x55, 0x46)) return 'a GGUF file';
  if (head[0] === 0x80 && (head[1] ?? 99) <= 5) return 'a Python pickle';
  const text = startOfText(head);
  if (text.startsWith('version https://git-lfs')) return 'a git-lfs pointer (run `git lfs pull` for the file itself)';
  if (/^<(?:!doctype|html|\?xml|head|body)/i.test(text)) return 'an HTML page (a failed download)';
  if (String.fromCharCode(...head.subarray(257, 262)) === 'ustar') return 'a tar archive';
  return undefined;
}

/** The beginning of a file that is text, for a message; `undefined` for binary ones. */
export function firstLine(head: Uint8Array): string | undefined {
  const line = startOfText(head).split(/[\r\n]/, 1)[0]!;
  return /^[\t\x20-\x7e]+$/.test(line) ? line.slice(0, 60) : undefined;
}
