import type { Size } from '../arrays.ts';

/**
 * Reads the size that an image file states, for formats that this package does not decode: a limit can then be checked before another
 * decoder fills the memory.
 */

/** Returns the size in the header of a GIF, WebP, BMP, AVIF, HEIC or JPEG file. Undefined if none is found. */
export function statedSize(bytes: Uint8Array): Size | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = (at: number, length: number) => String.fromCharCode(...bytes.subarray(at, at + length));
  try {
    if (text(0, 3) === 'GIF') return { width: view.getUint16(6, true), height: view.getUint16(8, true) };
    if (text(0, 2) === 'BM') {
      return { width: view.getInt32(18, true), height: Math.abs(view.getInt32(22, true)) }; // rows top down if negative
    }
    if (text(8, 4) === 'WEBP') return webpSize(view, text(12, 4));
    if (text(4, 4) === 'ftyp') return isoSize(view);
    return bytes[0] === 0xff && bytes[1] === 0xd8 ? jpegSize(view) : undefined;
  } catch (error) {
    if (error instanceof RangeError) return undefined; // the file ends before
    throw error;
  }
}

/** The first chunk says it: lossy (a key frame of VP8), lossless, or extended, whose frames are no larger than the canvas. */
function webpSize(view: DataView, chunk: string): Size | undefined {
  const at = 20; // where the chunk's data begin
  if (chunk === 'VP8 ')
    return { width: view.getUint16(at + 6, true) & 0x3fff, height: view.getUint16(at + 8, true) & 0x3fff };
  if (chunk === 'VP8L') {
    const bits = view.getUint32(at + 1, true); // 14 bits each, less one
    return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
  }
  if (chunk !== 'VP8X') return undefined;
  const threeBytes = (from: number) => view.getUint16(from, true) | (view.getUint8(from + 2) << 16);
  return { width: threeBytes(at + 4) + 1, height: threeBytes(at + 7) + 1 };
}

/** The boxes that lead to the sizes of the images in a file of AVIF or HEIC; `meta` has four bytes before its boxes. */
const containers: Readonly<Record<string, number>> = { meta: 4, iprp: 0, ipco: 0 };

/** Returns the largest image: a file may have parts and a preview. */
function isoSize(view: DataView): Size | undefined {
  let largest: Size | undefined;
  const walk = (from: number, to: number) => {
    for (let at = from; at + 8 <= to; ) {
      const length = view.getUint32(at);
      const type = String.fromCharCode(...[4, 5, 6, 7].map((i) => view.getUint8(at + i)));
      const end = length === 0 ? to : at + length;
      if (end < at + 8 || end > to) return; // 64-bit lengths are those of the data, which come last
      const skip = Object.hasOwn(containers, type) ? containers[type] : undefined;
      if (skip !== undefined) walk(at + 8 + skip, end);
      if (type === 'ispe') {
        const size = { width: view.getUint32(at + 12), height: view.getUint32(at + 16) };
        if (!largest || size.width * size.height > largest.width * largest.height) largest = size;
      }
      at = end;
    }
  };
  walk(0, view.byteLength);
  return largest;
}

/** Looks for the frame header, whatever its kind. */
function jpegSize(view: DataView): Size | undefined {
  for (let at = 2; ; ) {
    while (view.getUint8(at) === 0xff && view.getUint8(at + 1) === 0xff) at++;
    const marker = view.getUint8(at + 1);
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (view.getUint8(at) !== 0xff) return undefined;
    if (isFrame) return { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    at += 2 + view.getUint16(at + 2);
  }
}
