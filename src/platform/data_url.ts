/**
 * Returns the bytes of a `data:` URL. Makes no request, since a page's Content-Security-Policy may forbid that.
 *
 * @throws Error if its base64 is invalid
 */
export function dataUrlBytes(url: string): Uint8Array<ArrayBuffer> {
  const comma = url.indexOf(',');
  const fragment = url.indexOf('#', comma);
  const text = url.slice(comma + 1, fragment < 0 ? undefined : fragment);
  if (!/;\s*base64\s*$/i.test(url.slice(0, comma))) return percentDecoded(text);
  const binary = atob(text.includes('%') ? new TextDecoder().decode(percentDecoded(text)) : text);
  return Uint8Array.from({ length: binary.length }, (_, i) => binary.charCodeAt(i));
}

function percentDecoded(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(text);
  let length = 0;
  for (let i = 0; i < bytes.length; i++) {
    const hex =
      bytes[i] === 0x25 ? /^[0-9a-f]{2}$/i.exec(String.fromCharCode(bytes[i + 1] ?? 0, bytes[i + 2] ?? 0)) : null;
    bytes[length++] = hex ? Number.parseInt(hex[0], 16) : bytes[i]!;
    if (hex) i += 2;
  }
  return bytes.subarray(0, length);
}
