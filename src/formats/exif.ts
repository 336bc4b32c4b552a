import type { Raster } from '../image/raster.ts';

/**
 * The orientation of an image as EXIF states it, read as OpenCV does, for PNG and JPEG alike: of IFD 0 only, the first
 * value of the tag counts, and a damaged block states nothing.
 */

const orientationTag = 0x0112;

/**
 * Reads the orientation from a TIFF block: the contents of a PNG's eXIf chunk, or of a JPEG's APP1 segment after
 * `Exif\0\0`.
 *
 * @returns 1 to 8, another number if the file states nonsense, `undefined` if it states nothing
 */
export function orientationIn(tiff: Uint8Array): number | undefined {
  if (tiff.length < 8) return undefined;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return undefined;
  const little = order === 0x4949;
  if (view.getUint16(2, little) !== 42) return undefined;
  const start = view.getUint32(4, little);
  if (start < 8 || start + 2 > tiff.length) return undefined;
  const count = view.getUint16(start, little);
  for (let i = 0, at = start + 2; i < count && at + 10 <= tiff.length; i++, at += 12) {
    // a SHORT, whatever the entry calls it
    if (view.getUint16(at, little) === orientationTag) return view.getUint16(at + 8, little);
  }
  return undefined;
}

/**
 * Returns the raster as the orientation says it is to be seen: mirrored for 2, 4, 5 and 7, turned for 3 and 5 to 8. Any
 * other number leaves it as it is.
 */
export function upright(raster: Raster, orientation: number | undefined): Raster {
  if (orientation === undefined || orientation < 2 || orientation > 8) return raster;
  const { width: w, height: h, data } = raster;
  const turned = orientation >= 5;
  const [width, height] = turned ? [h, w] : [w, h];
  // the stored pixel that is seen in the corner, and the steps to its neighbours to the right and below
  const right = [2, 3, 7, 8].includes(orientation) ? w - 1 : 0;
  const bottom = [3, 4, 6, 7].includes(orientation) ? h - 1 : 0;
  const stepX = right ? -1 : 1;
  const stepY = bottom ? -w : w;
  const [across, down] = turned ? [stepY, stepX] : [stepX, stepY];
  // a pixel is one word; the decoders' arrays begin at a multiple of four bytes, others are copied
  const aligned = data.byteOffset % 4 === 0 ? data : data.slice();
  const from = new Uint32Array(aligned.buffer, aligned.byteOffset, w * h);
  const to = new Uint32Array(w * h);
  // in tiles, since a turned row touches another line of memory with every pixel
  const tile = 64;
  for (let top = 0; top < height; top += tile) {
    for (let left = 0; left < width; left += tile) {
      for (let y = top; y < Math.min(top + tile, height); y++) {
        let source = bottom * w + right + y * down + left * across;
        for (let x = left; x < Math.min(left + tile, width); x++, source += across) to[y * width + x] = from[source]!;
      }
    }
  }
  return { ...raster, width, height, data: new Uint8ClampedArray(to.buffer) };
}
