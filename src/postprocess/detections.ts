import type { Size } from '../ndarray.ts';

/** COCO run lengths: column by column, the first run counts zeros. */
export interface Rle extends Size {
  readonly counts: Uint32Array;
}

/** A mask of one image, kept as its crop: nothing is set outside. `rle` has the crop's size. */
export interface CompactMask {
  readonly imageSize: Size;
  readonly left: number;
  readonly top: number;
  readonly rle: Rle;
}

/** Parallel arrays, best first, in the original image's pixels. */
export interface Detections {
  /** n × (x1, y1, x2, y2) */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks?: readonly CompactMask[];
}
