import { checkRaster, type Raster } from '../image/raster.ts';
import { pngFile } from './png_labels.ts';

/** A raster's bytes as a PNG writer wants them: without the alpha channel where it says nothing (a fifth less to store). */
export function packedPixels({ data }: Raster): { readonly channels: 3 | 4; readonly bytes: Raster['data'] } {
  for (let i = 3; i < data.length; i += 4) if (data[i] !== 255) return { channels: 4, bytes: data };
  const bytes = new Uint8Array((data.length / 4) * 3);
  for (let i = 0, o = 0; i < data.length; i += 4) {
    bytes[o++] = data[i]!;
    bytes[o++] = data[i + 1]!;
    bytes[o++] = data[i + 2]!;
  }
  return { channels: 3, bytes };
}

/**
 * The PNG writer for the browser, where pngjs does not run: 8-bit RGB or RGBA, the `Sub` filter on every row. It reads
 * back as the Node writer's file does; the bytes differ by the compressor.
 */
export function encodePng(raster: Raster): Uint8Array {
  checkRaster(raster);
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
  return pngFile({ height, width, depth: 8, colorType: channels === 4 ? 6 : 2, filtered, level: 3 });
}
