import { DataError } from '../errors.ts';
import { decodeText } from './text.ts';

/** Reads JSON for a check, which has to see the rest of a file that others refuse. */

export interface LenientJson {
  readonly value: unknown;
  /** What is not JSON and was read all the same. */
  readonly notices: readonly string[];
}

/** A string, or a word that Python writes for a number that is none. Strings are matched so that words in them stay. */
const stringOrWord = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\b(?:NaN|Infinity)\b/g;

/**
 * Parses JSON with or without a byte order mark. NaN and Infinity, which Python writes, become null and are said.
 *
 * @throws DataError for any other fault
 */
export function lenientJson(bytes: Uint8Array, name: string): LenientJson {
  const text = decodeText(bytes, name).replace(/^\ufeff/, '');
  try {
    return { value: JSON.parse(text), notices: [] };
  } catch (cause) {
    let words = 0;
    const mended = text.replace(stringOrWord, (found) => {
      if (found.startsWith('"')) return found;
      words++;
      return 'null';
    });
    const { message } = cause as Error;
    const refusal = `${name}: this is not JSON: ${message.slice(0, 300)}. The file may be cut short: copy it again.`;
    if (words === 0) throw new DataError(refusal, { cause });
    try {
      const notice = `${name}: NaN or Infinity stands ${words === 1 ? 'once' : `${words} times`} in place of a number, which is not JSON. Other readers refuse the file.`;
      return { value: JSON.parse(mended), notices: [notice] };
    } catch {
      throw new DataError(refusal, { cause });
    }
  }
}
