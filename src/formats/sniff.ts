/**
 * Tells files apart by their first bytes, never by their names: names lie, and a failed download keeps the name it was
 * given. One table serves the image reader and the checkpoint reader.
 */

export type FileKind =
  // what the readers of this package take; zip, pickle and (not read) tar are the containers of torch.save
  | 'png'
  | 'jpeg'
  | 'zip'
  | 'safetensors'
  | 'pickle'
  // the groups of what none of them takes: `drawing` is SVG, `video` a file of frames, `arrays` are tensors in other formats, and
  // `not-downloaded` stands in for a file: an HTML page, a git-lfs pointer
  | 'tar'
  | 'other-image'
  | 'drawing'
  | 'video'
  | 'archive'
  | 'arrays'
  | 'not-downloaded'
  | 'empty'
  | 'text'
  | 'other';

export interface FileFormat {
  readonly kind: FileKind;
  /** A phrase for messages, with its article. */
  readonly name: string;
}

/** How a file of a format begins: one byte per character of `magic`, from offset `at` (by default 0). */
type Signature = readonly [kind: FileKind, name: string, magic: string, at?: number];

/** The signatures that have one kind and name in common. */
const each = (kind: FileKind, name: string, magics: readonly string[], at?: number): readonly Signature[] =>
  magics.map((magic) => [kind, name, magic, at]);

const pngSignature = '\x89PNG\r\n\x1a\n';
const heicBrands = ['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'mif1', 'msf1'];
const damagedPng = 'a PNG whose signature was damaged, as by a transfer in text mode';

/** The first that fits decides, so longer signatures stand before their beginnings. */
const signatures: readonly Signature[] = [
  ['tar', 'a tar archive', 'ustar', 257],

  ['png', 'a PNG image', pngSignature],
  ['jpeg', 'a JPEG image', '\xff\xd8'],
  ['other-image', 'a GIF image', 'GIF8'],
  ['other-image', 'a WebP image', 'WEBP', 8],
  ['other-image', 'an AVIF image', 'ftypavi', 4],
  ...each(
    'other-image',
    'a HEIC image',
    heicBrands.map((brand) => `ftyp${brand}`),
    4,
  ),
  ['other-image', 'a BMP image', 'BM'],
  ...each('other-image', 'a TIFF image', ['II*\0', 'MM\0*', 'II+\0', 'MM\0+']),
  ['other-image', 'a JPEG 2000 image', 'jP  ', 4],
  ['other-image', 'a JPEG 2000 image', '\xff\x4f\xff\x51'],
  ['other-image', 'a JPEG XL image', 'JXL ', 4],
  ['other-image', 'a JPEG XL image', '\xff\x0a'],
  ['other-image', 'an icon (ICO)', '\0\0\x01\0'],
  ['other-image', 'a Photoshop document', '8BPS'],
  ['other-image', 'a QOI image', 'qoif'],
  ['other-image', 'an OpenEXR image', 'v/1\x01'],
  ['other-image', 'a MNG animation', '\x8aMNG'],
  ['other-image', 'a JNG image', '\x8bJNG'],
  ...each('other-image', 'a PNM image', ['P1\n', 'P2\n', 'P3\n', 'P4\n', 'P5\n', 'P6\n']),
  ['other-image', 'a PDF document', '%PDF'],

  ['video', 'a QuickTime video', 'ftypqt', 4],
  ['video', 'an MP4 video', 'ftyp', 4],
  ['video', 'a QuickTime video', 'moov', 4],
  ['video', 'a Matroska or WebM video', '\x1a\x45\xdf\xa3'],
  ['video', 'an AVI video', 'AVI ', 8],
  ['video', 'a Flash video', 'FLV\x01'],
  ['video', 'an Ogg video', 'OggS'],
  ['video', 'an MPEG video', '\0\0\x01\xba'],
  ['video', 'an MPEG video', '\0\0\x01\xb3'],
  ['video', 'a Windows Media video', '\x30\x26\xb2\x75'],

  ['zip', 'a zip archive', 'PK\x03\x04'],
  ['safetensors', 'a safetensors file', '\0\0{', 6], // a header length below 2^48, then the header
  ...each('pickle', 'a Python pickle', ['\x80\0', '\x80\x01', '\x80\x02', '\x80\x03', '\x80\x04', '\x80\x05']),

  ['archive', 'an empty zip archive', 'PK\x05'],
  ['archive', 'a zip archive', 'PK'],
  ['archive', 'a gzip file (unpack it first)', '\x1f\x8b'],
  ['archive', 'a bzip2 file (unpack it first)', 'BZh'],
  ['archive', 'an xz file (unpack it first)', '\xfd7zXZ'],
  ['arrays', 'an HDF5 file', '\x89HDF'],
  ['arrays', 'a NumPy array file', '\x93NUMPY'],
  ['arrays', 'a GGUF file', 'GGUF'],
  ['not-downloaded', 'a git-lfs pointer (run `git lfs pull` for the file itself)', 'version https://git-lfs'],

  ['other', damagedPng, 'PNG', 1],
  ['other', damagedPng, 'NG\r', 2],
  ['other', 'a JPEG without its first marker', 'JFIF', 4],
  ['other', 'a JPEG without its first marker', 'Exif', 4],
  ['other', 'a program (ELF)', '\x7fELF'],
];

/** Bytes from the start of a file that are enough to tell its format. */
export const sniffedBytes = 512;

/**
 * Returns the format of a file that begins with `bytes`.
 *
 * @param readable the kinds that the caller reads. Their signatures are tried first, since a few bytes may begin files
 *   of two kinds: the header length of a safetensors file may look like a BMP image.
 */
export function formatOf(bytes: Uint8Array, readable: readonly FileKind[]): FileFormat {
  if (bytes.length === 0) return { kind: 'empty', name: 'an empty file' };
  const matches = ([kind, , magic, at]: Signature) =>
    // a file that is cut inside the signature of PNG is a PNG, cut short
    startsWith(bytes, kind === 'png' && bytes.length > 1 ? magic.slice(0, bytes.length) : magic, at);
  const found = signatures.find((one) => readable.includes(one[0]) && matches(one)) ?? signatures.find(matches);
  return found ? { kind: found[0], name: found[1] } : formatOfText(bytes.subarray(0, sniffedBytes));
}

function startsWith(bytes: Uint8Array, magic: string, at = 0): boolean {
  if (bytes.length < at + magic.length) return false;
  for (let i = 0; i < magic.length; i++) if (bytes[at + i] !== magic.charCodeAt(i)) return false;
  return true;
}

/** Formats without a fixed beginning. */
function formatOfText(start: Uint8Array): FileFormat {
  const text = new TextDecoder().decode(start).trimStart();
  const binary = start.some((byte) => byte < 9 || (byte > 13 && byte < 32));
  const failed = (what: string): FileFormat => ({ kind: 'not-downloaded', name: `${what} (a failed download)` });
  if (/^<(?:!doctype html|html|head|body)/i.test(text)) return failed('an HTML page');
  if (!binary && text.startsWith('<') && /<svg/i.test(text)) return { kind: 'drawing', name: 'an SVG drawing' };
  if (/^<(?:!doctype|\?xml)/i.test(text)) return failed('an XML document');
  const what = binary ? 'data' : /^[[{]/.test(text) ? 'JSON text' : 'text';
  const [line = ''] = text.split(/[\r\n]/, 1);
  const begins = /^[\t\x20-\x7e]+$/.test(line) && ` that begins ${JSON.stringify(line.slice(0, 60))}`;
  return { kind: binary ? 'other' : 'text', name: `${what}${begins || (binary ? ' of no known format' : '')}` };
}

/** Tells whether a file is the index of a sharded checkpoint, by its name or its first bytes. */
export function isShardIndex(name: string, head: Uint8Array): boolean {
  const text = new TextDecoder().decode(head).trimStart();
  return text.startsWith('{') && (/\.index\.json$/i.test(name) || text.includes('"weight_map"'));
}
