import { ShapeError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import { alphaOf, blend, canvasFrom } from './canvas.ts';
import { type Color, colorFor, type Palette, paletteFor } from './colors.ts';
import { sizesFor } from './sizes.ts';

/** How a label map is drawn. */
export interface SegmentationOptions {
  /** The classes by label. */
  readonly names: readonly string[];
  /** Colours by label; those that belong to the names where it is not given (see `paletteFor`). */
  readonly palette?: Palette;
  /** How much of the picture the colours cover, 0 to 1; 0.5 where it is not given. */
  readonly opacity?: number;
  /** Opacity of the lines along the borders of regions, 0 to 1; 0.9 where it is not given, 0 draws none. */
  readonly borderOpacity?: number;
  /** The label of pixels without a class: they stay as they are. 255 where it is not given. */
  readonly unlabelled?: number;
}

/**
 * Colours every pixel of a copy of the picture by its label. Along the borders of regions the colour is stronger, on both
 * sides, over half the width of a mask's contour (at least one pixel).
 *
 * @param labels height × width class indices, row by row. An index beyond the names gets a colour of its own.
 * @throws ShapeError where there is not one label per pixel.
 */
export function drawSegmentation(raster: Raster, labels: ArrayLike<number>, options: SegmentationOptions): Raster {
  checkLabelMap(raster, labels, 'drawSegmentation');
  const { names, palette = paletteFor(names), opacity = 0.5, borderOpacity = 0.9, unlabelled = 255 } = options;
  const canvas = canvasFrom(raster);
  const { width, height, data } = canvas;
  const colors = new Map<number, Color>();
  const inside = alphaOf(opacity);
  const border = Math.max(inside, alphaOf(borderOpacity));
  const reach = borderOpacity > 0 ? Math.max(1, Math.round(sizesFor(raster).contourWidth / 2)) : 0;
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at++) {
      const label = labels[at]!;
      if (label === unlabelled) continue;
      let color = colors.get(label);
      if (!color) {
        color = colorFor(label, palette);
        colors.set(label, color);
      }
      blend(data, at * 4, color, atBorder(x, y, at, label) ? border : inside);
    }
  }
  return canvas;

  function atBorder(x: number, y: number, at: number, label: number): boolean {
    for (let d = 1; d <= reach; d++) {
      if (x >= d && labels[at - d] !== label) return true;
      if (x + d < width && labels[at + d] !== label) return true;
      if (y >= d && labels[at - d * width] !== label) return true;
      if (y + d < height && labels[at + d * width] !== label) return true;
    }
    return false;
  }
}

export function checkLabelMap({ width, height }: Raster, labels: ArrayLike<number>, caller: string): void {
  if (labels.length !== width * height) {
    throw new ShapeError(
      `${caller}: a picture of ${width}×${height} pixels needs ${width * height} labels, got ${labels.length}. ` +
        `Resize the label map to the picture first (nearest neighbour).`,
    );
  }
}
