import * as z from 'zod/mini';
import type { Size } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import { encodeMaskPng } from '../formats/png_write.ts';
import { type CompactMask, fullRle, maskArea, maskBitmap } from '../postprocess/masks.ts';
import { maskRings, type Ring } from '../postprocess/polygons.ts';
import { type Rle, rleToString } from '../postprocess/rle.ts';
import { simplifyRings } from '../postprocess/simplify.ts';
import { foundIn, isObject, validateOptions } from '../validate.ts';

/** COCO's compressed run lengths. */
export interface RleText {
  readonly size: readonly [height: number, width: number];
  readonly counts: string;
}

const polygonOptions = z.strictObject({ tolerance: z.optional(z.number().check(z.minimum(0))) });

const isMask = (value: unknown): boolean =>
  isObject(value) &&
  isObject(value.imageSize) &&
  isObject(value.rle) &&
  [value.left, value.top, value.imageSize.width, value.imageSize.height, value.rle.width, value.rle.height].every(
    (number) => Number.isInteger(number),
  );

/** The mask of one instance, kept as a crop. The other forms are made on demand. */
export class Mask implements CompactMask {
  readonly imageSize: Size;
  readonly left: number;
  readonly top: number;
  readonly rle: Rle;

  /** Returns the mask itself if it is one already. */
  static from(mask: CompactMask): Mask {
    return mask instanceof Mask ? mask : new Mask(mask);
  }

  /** @throws ConfigError if the value is not a mask */
  constructor(mask: CompactMask) {
    if (!isMask(mask)) {
      throw new ConfigError(
        'a mask is { imageSize, left, top, rle }, as compactMask of moganet/postprocess gives it, got ' +
          `${foundIn(mask)}.`,
      );
    }
    const { imageSize, left, top, rle } = mask;
    this.imageSize = imageSize;
    this.left = left;
    this.top = top;
    this.rle = rle;
  }

  /** Number of pixels set. */
  get area(): number {
    return maskArea(this);
  }

  /** Returns height × width bytes, row by row, 0 or 1. */
  toBitmap(): Uint8Array {
    return maskBitmap(this);
  }

  /** Returns run lengths over the whole image. */
  toRle(): RleText {
    return rleText(fullRle(this));
  }

  /**
   * Returns closed rings (x0, y0, x1, y1, …) along the edges of pixels; holes turn the other way.
   *
   * @param options `tolerance`: leave points out while no edge moves farther than this, in pixels. By default every edge stays.
   * @throws ConfigError for an unknown option or a tolerance that is not a number of pixels
   */
  toPolygons(options: { readonly tolerance?: number | undefined } = {}): Ring[] {
    const { tolerance } = validateOptions(polygonOptions, options, 'toPolygons');
    const rings = maskRings(this);
    return tolerance === undefined ? rings : simplifyRings(rings, tolerance);
  }

  /** Returns a grey PNG of the image's size: 255 where the mask is set, 0 elsewhere. */
  toPng(): Uint8Array {
    return encodeMaskPng(this.toBitmap(), this.imageSize);
  }
}

/** Run lengths in COCO's compressed form. */
export function rleText(rle: Rle): RleText {
  return { size: [rle.height, rle.width], counts: rleToString(rle) };
}
