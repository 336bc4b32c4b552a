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

/** Boxes of people of different sizes, spread over an image. */
export const boxesIn = ({ height, width }: Size, count: number): [number, number, number, number][] =>
  Array.from({ length: count }, (_, i) => {
    const tall = height * (0.2 + 0.5 * ((i * 0.618) % 1));
    const wide = tall * (0.3 + 0.3 * ((i * 0.382) % 1));
    const left = (width - wide) * ((i * 0.755) % 1);
    const top = (height - tall) * ((i * 0.57) % 1);
    return [left, top, left + wide, top + tall];
  });
