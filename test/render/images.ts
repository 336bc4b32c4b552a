import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import type { Size } from '../../src/arrays.ts';
import type { Raster } from '../../src/image/raster.ts';
import type { CompactMask } from '../../src/postprocess/masks.ts';

/** Small images and masks for the tests of drawing, and the comparison with kept overlay images. */

/** An image of one colour. */
export function plain({ width, height }: Size, color: readonly [number, number, number], alpha = 255): Raster {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let at = 0; at < data.length; at += 4) data.set([...color, alpha], at);
  return { width, height, data };
}

/** Sky over ground with a few soft steps: something for overlays to be seen on. */
export function landscape({ width, height }: Size): Raster {
  const data = new Uint8ClampedArray(width * height * 4);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const ground = y > height * 0.6 + 6 * Math.sin(x / 17);
      const shade = ((x >> 3) + (y >> 3)) % 2 === 0 ? 0 : 8;
      const color = ground ? [112, 118, 92] : [168 + (y * 60) / height, 182 + (y * 50) / height, 206];
      data.set([...color.map((value) => value - shade), 255], at);
    }
  }
  return { width, height, data };
}

/** A mask from its crop drawn as text, `#` is set; its crop begins at (left, top). */
export function maskOf(rows: readonly string[], imageSize: Size, left = 0, top = 0): CompactMask {
  const set = (x: number, y: number) => rows[y]![x] === '#';
  return encodeMask({ height: rows.length, width: rows[0]!.length }, set, imageSize, left, top);
}

/** A mask from a predicate over its crop's columns and rows: COCO's column-major runs, zeros first. */
export function encodeMask(
  { height, width }: Size,
  set: (x: number, y: number) => boolean,
  imageSize: Size,
  left = 0,
  top = 0,
): CompactMask {
  const counts: number[] = [];
  let run = 0;
  let inside = false;
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; y++) {
      if (set(x, y) !== inside) {
        counts.push(run);
        run = 0;
        inside = !inside;
      }
      run++;
    }
  }
  counts.push(run);
  return { imageSize, left, top, rle: { height, width, counts: Uint32Array.from(counts) } };
}

/** The image as text, one sign per pixel as `signOf` names its colour. */
export function asText({ width, height, data }: Raster, signOf: (r: number, g: number, b: number) => string): string[] {
  return Array.from({ length: height }, (_, y) =>
    Array.from({ length: width }, (_, x) => {
      const at = (y * width + x) * 4;
      return signOf(data[at]!, data[at + 1]!, data[at + 2]!);
    }).join(''),
  );
}

/** Red, green, blue, alpha of a pixel. */
export function pixel({ width, data }: Raster, x: number, y: number): number[] {
  return Array.from(data.subarray((y * width + x) * 4, (y * width + x) * 4 + 4));
}

const folder = join(dirname(fileURLToPath(import.meta.url)), '../golden/overlays');

/**
 * Compares an image with `test/golden/overlays/<name>.png`, every pixel equal: drawing is whole-number arithmetic, so
 * there is nothing to tolerate. `UPDATE_GOLDEN=1` renews the file; a difference leaves `<name>-changed.png` beside it.
 */
export function expectOverlay(name: string, actual: Raster): void {
  const file = join(folder, `${name}.png`);
  const changed = join(folder, `${name}-changed.png`);
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(folder, { recursive: true });
    writeFileSync(file, encodePng(actual));
    rmSync(changed, { force: true });
    return;
  }
  const expected = existsSync(file) ? PNG.sync.read(readFileSync(file)) : undefined;
  const difference = differenceOf(expected, actual);
  if (difference === undefined) {
    rmSync(changed, { force: true });
    return;
  }
  writeFileSync(changed, encodePng(actual));
  throw new Error(`${name}.png: ${difference}. Look at ${changed}; UPDATE_GOLDEN=1 keeps it.`);
}

function differenceOf(expected: Raster | undefined, actual: Raster): string | undefined {
  if (!expected) return 'there is no such image yet';
  if (expected.width !== actual.width || expected.height !== actual.height) {
    return `the size is ${actual.width}×${actual.height}, expected ${expected.width}×${expected.height}`;
  }
  let count = 0;
  let first = -1;
  for (let at = 0; at < actual.data.length; at += 4) {
    const equal = [0, 1, 2, 3].every((c) => actual.data[at + c] === expected.data[at + c]);
    if (!equal && count++ === 0) first = at / 4;
  }
  if (count === 0) return undefined;
  return `${count} pixels differ, the first at x ${first % actual.width}, y ${Math.floor(first / actual.width)}`;
}

function encodePng({ width, height, data }: Raster): Buffer {
  const png = new PNG({ width, height });
  png.data = Buffer.from(data);
  return PNG.sync.write(png);
}
