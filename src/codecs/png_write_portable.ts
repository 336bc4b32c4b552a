import { zlibSync } from 'fflate';
import { crc32 } from '../crc32.ts';
import type { Raster } from '../image/raster.ts';
import { pngSignature } from './png_chunks.ts';
import { packedPixels } from './png_pixels.ts';

/**
 * The PNG writer for the browser, where pngjs does not run: 8-bit RGB or RGBA, the `Sub` filter on every row. It reads
 * back as the Node writer's file does; the bytes differ by the compressor.
 */
export function encodePng(raster: Raster): Uint8Array {
  const { width, height } = raster;
  const { channels, bytes } = packedPixels(raster);
  const rowBytes = width * channels;
  const filtered = new Uint8Array(height * (1 + rowBytes));
  for (let y = 0, o = 0; y < height; y++) {
    filtered[o++] = 1;
    const start = y * rowBytes;
    for (let i = 0; i < rowBytes; i++) {
      filtered[o++] = bytes[start + i]! - (i < channels ? 0 : bytes[start + i - channels]!);
    }
  }
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, channels === 4 ? 6 : 2, 0, 0, 0], 8); // 8 bits, colour type, deflate, the five filters, not interlaced
  const chunks = [
    chunk('IHDR', header),
    chunk('IDAT', zlibSync(filtered, { level: 3 })),
    chunk('IEND', new Uint8Array(0)),
  ];
  const file = new Uint8Array(pngSignature.length + chunks.reduce((sum, { length }) => sum + length, 0));
  file.set(pngSignature);
  let at = pngSignature.length;
  for (const part of chunks) {
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
