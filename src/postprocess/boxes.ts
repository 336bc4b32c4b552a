import type { NDArray, Size } from '../arrays.ts';

/** Boxes are x1, y1, x2, y2 in pixels, four values a row. Arithmetic is double, results are float32. */

type PerCoordinate = readonly [x: number, y: number, width: number, height: number];

/** mmdet's `DeltaXYWHBBoxCoder`: a delta is (value - mean) / std. */
export interface BoxCoder {
  readonly means: PerCoordinate;
  readonly stds: PerCoordinate;
  /** How far a box may grow or shrink in one step: |dw|, |dh| <= |ln(whRatioClip)|. mmdet's value is 16 / 1000. */
  readonly whRatioClip?: number;
}

/** Network pixels per original pixel, along each axis: they differ after rounding. */
export interface Scale {
  readonly x: number;
  readonly y: number;
}

/** Writes the box that the delta makes of the anchor (or region) to `out[at … at + 3]`. */
export type DeltaDecoder = (
  out: Float32Array,
  at: number,
  anchor: ArrayLike<number>,
  anchorAt: number,
  dx: number,
  dy: number,
  dw: number,
  dh: number,
) => void;

/**
 * The decoding of one delta (mmdet's `delta2bbox`). Sizes are clamped after the stds are applied, centres are not;
 * with `clip` boxes end at [0, width] × [0, height], both included.
 */
export function deltaDecoder({ means, stds, whRatioClip = 16 / 1000 }: BoxCoder, clip?: Size): DeltaDecoder {
  const [meanX, meanY, meanW, meanH] = means;
  const [stdX, stdY, stdW, stdH] = stds;
  const maxLog = Math.abs(Math.log(whRatioClip));
  const [left, right] = clip ? [0, clip.width] : [-Infinity, Infinity];
  const [top, bottom] = clip ? [0, clip.height] : [-Infinity, Infinity];
  return (out, at, anchor, anchorAt, dx, dy, dw, dh) => {
    const x1 = anchor[anchorAt]!;
    const y1 = anchor[anchorAt + 1]!;
    const width = anchor[anchorAt + 2]! - x1;
    const height = anchor[anchorAt + 3]! - y1;
    const x = x1 + width / 2 + width * (dx * stdX + meanX);
    const y = y1 + height / 2 + height * (dy * stdY + meanY);
    const halfWidth = (width * Math.exp(Math.min(Math.max(dw * stdW + meanW, -maxLog), maxLog))) / 2;
    const halfHeight = (height * Math.exp(Math.min(Math.max(dh * stdH + meanH, -maxLog), maxLog))) / 2;
    out[at] = Math.min(Math.max(x - halfWidth, left), right);
    out[at + 1] = Math.min(Math.max(y - halfHeight, top), bottom);
    out[at + 2] = Math.min(Math.max(x + halfWidth, left), right);
    out[at + 3] = Math.min(Math.max(y + halfHeight, top), bottom);
  };
}

/**
 * n boxes and their deltas, n × (K * 4), to n × (K * 4) boxes: K is 1, or the classes of a class-specific head.
 * `clip` is the image before padding; without it boxes may leave the image.
 */
export function decodeDeltas(boxes: Float32Array, deltas: NDArray, coder: BoxCoder, clip?: Size): Float32Array {
  const decode = deltaDecoder(coder, clip);
  const { data } = deltas;
  const perBox = deltas.shape[1]!;
  const decoded = new Float32Array(data.length);
  for (let at = 0; at < data.length; at += 4) {
    const box = Math.floor(at / perBox) * 4;
    decode(decoded, at, boxes, box, data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!);
  }
  return decoded;
}

/** The deltas that lead from each box to its target, n × 4: the inverse of `decodeDeltas` for boxes with an area. */
export function encodeDeltas(boxes: Float32Array, targets: Float32Array, { means, stds }: BoxCoder): Float32Array {
  const deltas = new Float32Array(boxes.length);
  for (let i = 0; i < boxes.length; i += 4) {
    for (let axis = 0; axis < 2; axis++) {
      const start = boxes[i + axis]!;
      const extent = boxes[i + axis + 2]! - start;
      const targetStart = targets[i + axis]!;
      const targetExtent = targets[i + axis + 2]! - targetStart;
      const shift = (targetStart + targetExtent / 2 - (start + extent / 2)) / extent;
      deltas[i + axis] = (shift - means[axis]!) / stds[axis]!;
      deltas[i + axis + 2] = (Math.log(targetExtent / extent) - means[axis + 2]!) / stds[axis + 2]!;
    }
  }
  return deltas;
}

/** Boxes cut at the image's edges, which belong to it: coordinates lie in [0, width] and [0, height]. */
export function clipBoxes(boxes: Float32Array, image: Size): Float32Array {
  return boxes.map((value, i) => Math.min(Math.max(value, 0), i % 2 === 0 ? image.width : image.height));
}

/** Boxes of the network's image in pixels of the original: each axis is divided by its own factor. */
export function toOriginal(boxes: Float32Array, scale: Scale): Float32Array {
  return boxes.map((value, i) => value / (i % 2 === 0 ? scale.x : scale.y));
}

/** Boxes of the original image in pixels of the network's: the inverse of `toOriginal`. */
export function toNetwork(boxes: Float32Array, scale: Scale): Float32Array {
  return boxes.map((value, i) => value * (i % 2 === 0 ? scale.x : scale.y));
}

/** The rows `indices` of n × 4 boxes. */
export function takeBoxes(boxes: Float32Array, indices: Uint32Array): Float32Array {
  const taken = new Float32Array(4 * indices.length);
  indices.forEach((index, i) => {
    taken.set(boxes.subarray(4 * index, 4 * index + 4), 4 * i);
  });
  return taken;
}

/**
 * Intersection over union of every `a` with every `b`, n × m; boxes without area have 0 with all (mmdet's
 * `bbox_overlaps`).
 */
export function iouMatrix(a: Float32Array, b: Float32Array): Float32Array {
  const n = a.length / 4;
  const m = b.length / 4;
  const matrix = new Float32Array(n * m);
  for (let i = 0; i < n; i++) for (let j = 0; j < m; j++) matrix[i * m + j] = iouOf(a, i, b, j);
  return matrix;
}

function iouOf(a: Float32Array, i: number, b: Float32Array, j: number): number {
  const width = Math.min(a[4 * i + 2]!, b[4 * j + 2]!) - Math.max(a[4 * i]!, b[4 * j]!);
  const height = Math.min(a[4 * i + 3]!, b[4 * j + 3]!) - Math.max(a[4 * i + 1]!, b[4 * j + 1]!);
  if (!(width > 0 && height > 0)) return 0;
  const both = width * height;
  return both / Math.max(areaOf(a, i) + areaOf(b, j) - both, 1e-6);
}

function areaOf(boxes: Float32Array, i: number): number {
  return (boxes[4 * i + 2]! - boxes[4 * i]!) * (boxes[4 * i + 3]! - boxes[4 * i + 1]!);
}

/**
 * COCO's IoU of boxes given as left, top, width, height: every detection with every ground truth, n × m in double.
 * Where the ground truth is a crowd, the intersection is divided by the detection's area.
 */
export function iouXywh(
  detections: ArrayLike<number>,
  truths: ArrayLike<number>,
  crowd: readonly boolean[],
): Float64Array {
  const n = detections.length / 4;
  const m = truths.length / 4;
  const matrix = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    const [x, y, w, h] = [0, 1, 2, 3].map((k) => detections[4 * i + k]!) as [number, number, number, number];
    for (let j = 0; j < m; j++) {
      const [tx, ty, tw, th] = [0, 1, 2, 3].map((k) => truths[4 * j + k]!) as [number, number, number, number];
      const width = Math.min(x + w, tx + tw) - Math.max(x, tx);
      const height = Math.min(y + h, ty + th) - Math.max(y, ty);
      if (!(width > 0 && height > 0)) continue;
      const both = width * height;
      matrix[i * m + j] = both / (crowd[j] ? w * h : w * h + tw * th - both);
    }
  }
  return matrix;
}
