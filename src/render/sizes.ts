import type { Size } from '../ndarray.ts';

/** Sizes of what is drawn, in pixels of the picture. */
export interface DrawingSizes {
  /** Width of box outlines, in pixels. */
  readonly lineWidth: number;
  /** Width of mask contours, in pixels. */
  readonly contourWidth: number;
  /** Size of the em square of labels, in pixels. */
  readonly textSize: number;
}

/**
 * Sizes that look alike on small and large pictures when these are shown equally large. With s = √(width · height):
 * lines are s / 400 wide, contours s / 512 (both at least 1), text is s / 70 (at least 10, so that it stays legible); all
 * rounded.
 *
 * ```
 * 320×240: 1, 1, 10   768×768: 2, 2, 11   1024×1024: 3, 2, 15   4000×3000: 9, 7, 49
 * ```
 */
export function sizesFor({ width, height }: Size): DrawingSizes {
  const side = Math.sqrt(width * height);
  return {
    lineWidth: Math.max(1, Math.round(side / 400)),
    contourWidth: Math.max(1, Math.round(side / 512)),
    textSize: Math.max(10, Math.round(side / 70)),
  };
}
