import { DataError } from '../errors.ts';

/** Reads JSON that others wrote: label files and results. */

/** A file's bytes, its text, or the value that JSON.parse gives. */
export type JsonSource = unknown;

/** Deeper than any file of labels. V8 parses any depth, but what walks the value afterwards may not. */
const deepest = 64;

/**
 * Reads a JSON value: bytes in UTF-8 or text, with or without a byte order mark, nested at most 64 deep; any other value
 * is returned as it is. A name given twice has its last value, and `__proto__` is a name like any other.
 *
 * @param name names the file in messages
 * @throws DataError if it is no JSON, for example since it has NaN
 */
export function readJsonValue(source: JsonSource, name: string): unknown {
  if (typeof source !== 'string' && !(source instanceof Uint8Array)) return source;
  const text = typeof source === 'string' ? source.replace(/^\uFEFF/, '') : textOf(source, name);
  if (text.trim() === '') throw new DataError(`${name}: the file is empty. Expected JSON.`);
  checkNesting(text, name);
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    const { message } = cause as Error;
    const hint = /NaN|Infinity/.test(message)
      ? 'NaN and Infinity are not JSON: write numbers, or leave the entry out.'
      : 'The file may be cut short, or is not JSON.';
    throw new DataError(`${name}: invalid JSON: ${message.slice(0, 300)}. ${hint}`, { cause });
  }
}

function textOf(bytes: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const [first, second] = bytes;
    if (first === 0x1f && second === 0x8b) throw new DataError(`${name}: this is compressed by gzip. Unpack it first.`);
    const isUtf16 = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
    // a file beyond the longest string of the engine, about 512 MB, fails here as well
    const reason = isUtf16
      ? 'the text is UTF-16'
      : `${bytes.length} bytes are not UTF-8 text, or too many for one text`;
    throw new DataError(`${name}: ${reason}. Save the file as UTF-8, or split it.`, { cause });
  }
}

function checkNesting(text: string, name: string): void {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) {
      for (at++; at < text.length && text.charCodeAt(at) !== 0x22; at++) if (text.charCodeAt(at) === 0x5c) at++;
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth > deepest) {
        throw new DataError(`${name}: nested deeper than ${deepest} levels at character ${at}. No label file is.`);
      }
    } else if (code === 0x5d || code === 0x7d) depth--;
  }
}
