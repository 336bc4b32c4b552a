import type { Size } from '../arrays.ts';
import type { MergeMethod } from '../postprocess/merge.ts';
import type { Blend, Window } from '../postprocess/windows.ts';

/** Tiles: a large image is cut into overlapping parts, each of which runs as an image of its own. */

/** How an image is cut into tiles, and how what they show is joined. */
export interface TileOptions {
  /** The edges of a tile in pixels of the image, one number for a square. An image that is no larger runs whole. */
  readonly size: number | Size;
  /** The share of its edges that a tile has in common with the next one, from 0 to 0.9. By default 0.2. */
  readonly overlap?: number | undefined;
  /** Detection also runs on the whole image, for what is larger than a tile. By default true. */
  readonly whole?: boolean | undefined;
  /**
   * What becomes of a detection that an inner edge of its tile cuts: a tile beside it, or the pass over the whole image, shows more of the
   * object. By default `drop`.
   */
  readonly edges?: 'drop' | 'keep' | undefined;
  /**
   * When two detections of a class are the same object: if their IoU is large (`nms`), or if what they share is a large part of the smaller
   * box (`ios`), as the part of an object in a tile is of the object. By default `ios`.
   */
  readonly merge?: MergeMethod | undefined;
  /** Drop the worse of two detections of a class if this share is exceeded. By default 0.5. */
  readonly iou?: number | undefined;
  /** How the logits of a segmentation are joined where tiles overlap: `hann` trusts the middle of a tile more. By default `mean`. */
  readonly blend?: Blend | undefined;
}

/** Tiles with every default filled in. */
export interface Tiling extends Required<Omit<TileOptions, 'size' | 'overlap'>> {
  readonly crop: Size;
  readonly stride: Size;
}

/**
 * Fills in what the option leaves out. Overlap, the pass over the whole, the share of the smaller box and its threshold are those that SAHI
 * (sliced inference) has by default; it keeps detections that an edge cuts, and makes one box of two.
 */
export function tilingOf(tiles: number | TileOptions): Tiling {
  const given = typeof tiles === 'number' ? { size: tiles } : tiles;
  const { size, overlap = 0.2, whole = true, edges = 'drop', merge = 'ios', iou = 0.5 }: TileOptions = given;
  const { blend = 'mean' }: TileOptions = given;
  const crop = typeof size === 'number' ? { height: size, width: size } : size;
  const step = (edge: number) => Math.max(1, edge - Math.floor(overlap * edge));
  return { crop, stride: { height: step(crop.height), width: step(crop.width) }, whole, edges, merge, iou, blend };
}

/** Returns the tiles of an image, row by row. The last of a row or column is moved back to end with the image. */
export async function tilesOf(image: Size, tiling: Tiling): Promise<Window[]> {
  const { slidingWindows } = await import('../postprocess/joining.ts');
  return slidingWindows(image, tiling);
}
