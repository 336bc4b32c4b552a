import type { Size } from '../arrays.ts';
import { encodeMaskPng } from '../formats/png_labels.ts';
import type { CompactMask, Rle } from '../postprocess/detections.ts';
import { fullRle, maskArea, maskBitmap } from '../postprocess/masks.ts';
import { maskRings, type Ring, simplifyRing } from '../postprocess/polygons.ts';
import { rleToString } from '../postprocess/rle.ts';

/** COCO's compressed run lengths. */
export interface RleText {
  readonly size: readonly [height: number, width: number];
  readonly counts: string;
}

/** A mask of one instance, kept as its crop; the other forms are made when asked for. */
export class Mask implements CompactMask {
  readonly imageSize: Size;
  readonly left: number;
  readonly top: number;
  readonly rle: Rle;

  constructor({ imageSize, left, top, rle }: CompactMask) {
    this.imageSize = imageSize;
    this.left = left;
    this.top = top;
    this.rle = rle;
  }

  /** Pixels set. */
  get area(): number {
    return maskArea(this);
  }

  /** height × width of the image, row by row, 0 or 1. */
  toBitmap(): Uint8Array {
    return maskBitmap(this);
  }

  /** Run lengths over the whole image. */
  toRle(): RleText {
    return rleText(fullRle(this));
  }

  /**
   * Closed rings (x0, y0, x1, y1, …) along the pixels' edges, holes turning the other way.
   *
   * @param options `tolerance`: how far off they may be, in pixels, for fewer points; every pixel's edge where it is not given
   */
  toPolygons({ tolerance }: { readonly tolerance?: number } = {}): Ring[] {
    const rings = maskRings(this);
    return tolerance === undefined ? rings : rings.map((ring) => simplifyRing(ring, tolerance));
  }

  /** A grey PNG of the image's size: 255 where it is set, 0 elsewhere. */
  toPng(): Uint8Array {
    return encodeMaskPng(this.toBitmap(), this.imageSize);
  }
}

export function rleText(rle: Rle): RleText {
  return { size: [rle.height, rle.width], counts: rleToString(rle) };
}
