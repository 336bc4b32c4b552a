/** Telling files apart by their first bytes: names lie, and a failed download keeps the name it was given. */

export type Format = 'zip' | 'legacy' | 'safetensors';

const startsWith = (head: Uint8Array, ...bytes: number[]) => bytes.every((byte, i) => head[i] === byte);

function startOfText(head: Uint8Array): string {
  return String.fromCharCode(...head.subarray(0, 200)).trimStart();
}

/** Which reader a file is for; `undefined` for none. */
export function formatOf(head: Uint8Array): Format | undefined {
  if (startsWith(head, 0x50, 0x4b, 3, 4)) return 'zip';
  if (head.length >= 9 && head[8] === 0x7b && head[6] === 0 && head[7] === 0) return 'safetensors';
  if (head[0] === 0x80 && (head[1] ?? 99) <= 5) return 'legacy';
  return undefined;
}

/** What a file is that no reader here takes, as a phrase for a message; `undefined` where that cannot be said. */
export function describeForeign(head: Uint8Array): string | undefined {
  if (head.length === 0) return 'an empty file';
  if (startsWith(head, 0x50, 0x4b)) return head[2] === 5 ? 'an empty zip archive' : 'a zip archive';
  if (startsWith(head, 0x1f, 0x8b)) return 'a gzip file (unpack it first)';
  if (startsWith(head, 0x42, 0x5a, 0x68)) return 'a bzip2 file (unpack it first)';
  if (startsWith(head, 0xfd, 0x37, 0x7a, 0x58, 0x5a)) return 'an xz file (unpack it first)';
  if (startsWith(head, 0x89, 0x48, 0x44, 0x46)) return 'an HDF5 file';
  if (startsWith(head, 0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59)) return 'a NumPy array file';
  if (startsWith(head, 0x47, 0x47, 0x55, 0x46)) return 'a GGUF file';
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
