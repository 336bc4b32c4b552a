/**
 * Returns the bytes of a `data:` URL. Reads them without `fetch`, which a page's Content-Security-Policy may forbid for `data:`.
 *
 * @throws Error if the base64 or a percent escape is invalid
 */
export function dataUrlBytes(url: string): Uint8Array<ArrayBuffer> {
  const comma = url.indexOf(',');
  const text = url.slice(comma + 1);
  if (/;\s*base64\s*$/i.test(url.slice(0, comma))) return charCodes(atob(unescaped(text)));
  return charCodes(unescaped(text));
}

const charCodes = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(text, (character) => character.charCodeAt(0));

/** Percent escapes stand for bytes, which `decodeURIComponent` would join to characters. */
const unescaped = (text: string): string =>
  text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
