import type { NDArray } from '../ndarray.ts';

/**
 * Which pyramid level serves which region, and the plain RoIAlign. Regions are rows of (batch index, x1, y1, x2, y2) in
 * network pixels.
 */

export interface LevelOptions {
  /** Regions of this side, up to twice it, belong to level 0 (mmdet's `finest_scale`). */
  readonly finestScale: number;
  /** How many levels are pooled. */
  readonly levels: number;
}

/** The level of each of n × xyxy boxes: floor(log2(sqrt(area) / finestScale + 1e-6)), from 0 to levels - 1. */
export function regionLevels(boxes: Float32Array, { finestScale, levels }: LevelOptions): Uint8Array {
  const chosen = new Uint8Array(boxes.length / 4);
  for (let i = 0; i < chosen.length; i++) {
    const area = (boxes[4 * i + 2]! - boxes[4 * i]!) * (boxes[4 * i + 3]! - boxes[4 * i + 1]!);
    const level = Math.floor(Math.log2(Math.sqrt(area) / finestScale + 1e-6));
    chosen[i] = Math.min(Math.max(level, 0), levels - 1);
  }
  return chosen;
}

/** Boxes sorted to the levels of the pyramid that they are pooled from. */
export interface SortedRegions {
  /** Per level n × 5, n may be 0: the inputs of the parts `box` and `mask`. */
  readonly regions: readonly NDArray[];
  /** Row i of the levels laid end to end is box `order[i]`. */
  readonly order: Uint32Array;
}

/** Sorts boxes by level, keeping their order within a level. */
export function sortByLevel(boxes: Float32Array, options: LevelOptions, image = 0): SortedRegions {
  const levels = regionLevels(boxes, options);
  const order = Uint32Array.from({ length: levels.length }, (_, i) => i).sort(
    (a, b) => levels[a]! - levels[b]! || a - b,
  );
  let next = 0;
  const regions = Array.from({ length: options.levels }, (_, level) => {
    const rows: number[] = [];
    for (; next < order.length && levels[order[next]!] === level; next++) {
      const box = 4 * order[next]!;
      rows.push(image, ...boxes.subarray(box, box + 4));
    }
    return { shape: [rows.length / 5, 5], data: Float32Array.from(rows) };
  });
  return { regions, order };
}

/** Rows computed in level order, n × …, back in the order that the boxes had. */
export function toBoxOrder(rows: NDArray, order: Uint32Array): NDArray {
  const data = new Float32Array(rows.data.length);
  const length = data.length / order.length;
  order.forEach((box, row) => {
    data.set(rows.data.subarray(row * length, (row + 1) * length), box * length);
  });
  return { shape: rows.shape, data };
}
