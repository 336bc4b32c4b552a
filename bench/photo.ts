import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeImage, type Raster, type Size } from 'moganet';
import { root } from './contenders.ts';

/** The image that is measured with: a JPEG of 1024×1024 pixels. */
export const photo = join(root, 'samples/images/facade-balconies.jpg');

export const pixelsOf = (file: string): Promise<Raster> => decodeImage(readFileSync(file));

/** The nearest pixels: what is measured does not depend on how smooth they are. */
export function stretched(image: Raster, { height, width }: Size): Raster {
  const pixels = new Uint32Array(height * width);
  const source = new Uint32Array(Uint8Array.from(image.data).buffer);
  for (let y = 0; y < height; y++) {
    const row = Math.floor((y * image.height) / height) * image.width;
    for (let x = 0; x < width; x++) {
      pixels[y * width + x] = source[row + Math.floor((x * image.width) / width)] ?? 0;
    }
  }
  return { height, width, data: new Uint8ClampedArray(pixels.buffer) };
}
