import { zlibSync } from 'fflate';
import { crc32 } from '../crc32.ts';
import type { Size } from '../ndarray.ts';
import { type ColorType, pngSignature } from './png_chunks.ts';

/** The bytes of a PNG around its rows: what our own writers have in common. */

export interface PngContents extends Size {
  readonly depth: 1 | 8 | 16;
  readonly colorType: ColorType;
  /** RGB triples of colour type 3. */
  readonly palette?: Uint8Array;
  /** All rows, each with its filter byte in front. */
  readonly filtered: Uint8Array;
  /** Of the compression, 0 to 9. */
  readonly level: 3 | 6;
}

export function pngFile({ height, width, depth, colorType, palette, filtered, level }: PngContents): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, colorType, 0, 0, 0], 8); // deflate, the five filters, not interlaced
  const parts = [
    pngSignature,
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', palette)] : []),
    chunk('IDAT', zlibSync(filtered, { level })),
    chunk('IEND', new Uint8Array(0)),
  ];
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}
