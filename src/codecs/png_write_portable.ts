import { checkRaster, type Raster } from '../image/raster.ts';
import { pngFile } from './png_file.ts';
import { packedPixels } from './png_pixels.ts';

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
