import { DataError } from '../errors.ts';

/** Text files of labels: UTF-8 or UTF-16 with their byte order marks, lines that end as any system ends them. */

/**
 * Decodes a text file. A byte order mark tells UTF-16; it is not part of the text.
 *
 * @throws DataError if it is not text
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  const encoding = encodingOf(bytes);
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    const remedy = 'Save it as UTF-8.';
    throw new DataError(`${name}: not a text in ${encoding.toUpperCase()}, or too large for one. ${remedy}`, { cause });
  }
}

function encodingOf(bytes: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  // no mark: a text begins with a character of ASCII
  if (first === 0 && second !== 0 && second !== undefined) return 'utf-16be';
  return first !== 0 && second === 0 ? 'utf-16le' : 'utf-8';
}

/** Decodes the beginning of a file, to tell what it is. What is not text becomes other characters. */
export const headText = (bytes: Uint8Array): string => new TextDecoder(encodingOf(bytes)).decode(bytes);

/** Returns the lines without their ends and without the blanks around them. Empty lines are kept, so that they count. */
export const linesOf = (text: string): string[] => text.split(/\r\n|\n|\r/).map((line) => line.trim());

/** Returns the lines that are not empty. */
export const filledLines = (text: string): string[] => linesOf(text).filter((line) => line !== '');

/**
 * Decodes a file inside a label file.
 *
 * @param place names it in messages, file and field
 * @throws DataError if it is not base64
 */
export function bytesOfBase64(text: string, place: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch (cause) {
    throw new DataError(`${place}: invalid base64. Write the labels again with the tool that made them.`, { cause });
  }
}
