import type { NDArray, Size } from '../arrays.ts';

/** Boxes are x1, y1, x2, y2 in pixels, four values a row. Arithmetic is double, results are float32. */

/** One box: its left, upper, right and lower edge. */
export type Box = readonly [x1: number, y1: number, x2: number, y2: number];

/** The row `index` of n × 4 values. */
export function boxAt(boxes: ArrayLike<number>, index: number): Box {
  const at = 4 * index;
  return [boxes[at]!, boxes[at + 1]!, boxes[at + 2]!, boxes[at + 3]!];
}

export function areaOf([x1, y1, x2, y2]: Box): number {
  return (x2 - x1) * (y2 - y1);
}

type PerCoordinate = readonly [x: number, y: number, width: number, height: number];

/** mmdet's `DeltaXYWHBBoxCoder`: a delta is (value - mean) / std. */
export interface BoxCoder {
  readonly means: PerCoordinate;
  readonly stds: PerCoordinate;
  /** The most that a box may grow or shrink in one step: |dw|, |dh| <= |ln(whRatioClip)|. By default mmdet's 16 / 1000. */
  readonly whRatioClip?: number | undefined;
}

/** Network pixels per original pixel, along each axis: the two differ after rounding. */
export interface Scale {
  readonly x: number;
  readonly y: number;
}

/**
 * Writes the box that a delta makes of an anchor (or region) to `out[at … at + 3]`. The delta's dx, dy, dw, dh begin at
 * `deltas[from]` and are `stride` values apart.
 */
export type DeltaDecoder = (
  out: Float32Array,
  at: number,
  anchor: Box,
  deltas: Float32Array,
  from: number,
  stride: number,
) => void;

/**
 * Returns the decoder of one delta (mmdet's `delta2bbox`). Sizes are clamped after the stds are applied, centres are not;
 * with `clip` boxes end at [0, width] × [0, height], both included. The decoder throws a RangeError for a box or delta that
 * is not finite.
 */
export function deltaDecoder({ means, stds, whRatioClip = 16 / 1000 }: BoxCoder, clip?: Size): DeltaDecoder {
  const [meanX, meanY, meanW, meanH] = means;
  const [stdX, stdY, stdW, stdH] = stds;
  const maxLog = Math.abs(Math.log(whRatioClip));
  const [left, right] = clip ? [0, clip.width] : [-Infinity, Infinity];
  const [top, bottom] = clip ? [0, clip.height] : [-Infinity, Infinity];
  return (out, at, [x1, y1, x2, y2], deltas, from, stride) => {
    const [dx, dy] = [deltas[from]! * stdX + meanX, deltas[from + stride]! * stdY + meanY];
    const [dw, dh] = [deltas[from + 2 * stride]! * stdW + meanW, deltas[from + 3 * stride]! * stdH + meanH];
    if ((dx + dy + dw + dh + x1 + y1 + x2 + y2) * 0 !== 0) {
      const values = [0, 1, 2, 3].map((k) => deltas[from + k * stride]);
      throw new RangeError(
        `decoding deltas: those at ${from} are ${values.join(', ')} for the box ${[x1, y1, x2, y2].join(', ')}: ` +
          'boxes and deltas must be finite numbers. Look at what computed them.',
      );
    }
    const width = x2 - x1;
    const height = y2 - y1;
    const x = x1 + width / 2 + width * dx;
    const y = y1 + height / 2 + height * dy;
    const halfWidth = (width * Math.exp(Math.min(Math.max(dw, -maxLog), maxLog))) / 2;
    const halfHeight = (height * Math.exp(Math.min(Math.max(dh, -maxLog), maxLog))) / 2;
    out[at] = Math.min(Math.max(x - halfWidth, left), right);
    out[at + 1] = Math.min(Math.max(y - halfHeight, top), bottom);
    out[at + 2] = Math.min(Math.max(x + halfWidth, left), right);
    out[at + 3] = Math.min(Math.max(y + halfHeight, top), bottom);
  };
}

/**
 * Decodes the deltas of n boxes, n × (K * 4), to n × (K * 4) boxes: K is 1, or the classes of a class-specific head.
 * `clip` is the image before padding; without it boxes may leave the image.
 *
 * @throws RangeError for a box or delta that is not finite
 */
export function decodeDeltas(boxes: Float32Array, deltas: NDArray, coder: BoxCoder, clip?: Size): Float32Array {
  const decode = deltaDecoder(coder, clip);
  const [, perBox = 4] = deltas.shape;
  const decoded = new Float32Array(deltas.data.length);
  for (let at = 0; at < decoded.length; at += 4) {
    decode(decoded, at, boxAt(boxes, Math.floor(at / perBox)), deltas.data, at, 1);
  }
  return decoded;
}

/** Returns the deltas from each box to its target, n × 4: the inverse of `decodeDeltas` for boxes with an area. */
export function encodeDeltas(boxes: Float32Array, targets: Float32Array, { means, stds }: BoxCoder): Float32Array {
  const [meanX, meanY, meanW, meanH] = means;
  const [stdX, stdY, stdW, stdH] = stds;
  const deltas = new Float32Array(boxes.length);
  for (let i = 0; 4 * i < boxes.length; i++) {
    const from = centredAt(boxes, i);
    const to = centredAt(targets, i);
    const encoded = [
      ((to.x - from.x) / from.width - meanX) / stdX,
      ((to.y - from.y) / from.height - meanY) / stdY,
      (Math.log(to.width / from.width) - meanW) / stdW,
      (Math.log(to.height / from.height) - meanH) / stdH,
    ];
    deltas.set(encoded, 4 * i);
  }
  return deltas;
}

function centredAt(boxes: Float32Array, index: number) {
  const [x1, y1, x2, y2] = boxAt(boxes, index);
  const [width, height] = [x2 - x1, y2 - y1];
  return { x: x1 + width / 2, y: y1 + height / 2, width, height };
}

/** Clips boxes to the image, its edges included: coordinates lie in [0, width] and [0, height]. */
export function clipBoxes(boxes: Float32Array, image: Size): Float32Array {
  return boxes.map((value, i) => Math.min(Math.max(value, 0), i % 2 === 0 ? image.width : image.height));
}

/** Converts boxes from the network's pixels to the original image's: each axis is divided by its factor. */
export function toOriginal(boxes: Float32Array, scale: Scale): Float32Array {
  return boxes.map((value, i) => value / (i % 2 === 0 ? scale.x : scale.y));
}

/** Converts boxes from the original image's pixels to the network's: the inverse of `toOriginal`. */
export function toNetwork(boxes: Float32Array, scale: Scale): Float32Array {
  return boxes.map((value, i) => value * (i % 2 === 0 ? scale.x : scale.y));
}

/** Returns the rows `indices` of n × 4 boxes. */
export function takeBoxes(boxes: Float32Array, indices: Uint32Array): Float32Array {
  const taken = new Float32Array(4 * indices.length);
  for (let i = 0; i < taken.length; i++) taken[i] = boxes[4 * indices[i >> 2]! + (i & 3)]!;
  return taken;
}

/**
 * Returns the intersection over union of every `a` with every `b`, n × m (mmdet's `bbox_overlaps`). Boxes without area
 * have 0 with all.
 */
export function iouMatrix(a: Float32Array, b: Float32Array): Float32Array {
  const [ones, others] = [rowsOf(a), rowsOf(b)];
  const matrix = new Float32Array(ones.length * others.length);
  for (const [i, one] of ones.entries()) {
    for (const [j, other] of others.entries()) {
      const both = intersectionOf(one, other);
      if (both > 0) matrix[i * others.length + j] = both / Math.max(areaOf(one) + areaOf(other) - both, 1e-6);
    }
  }
  return matrix;
}

/**
 * Returns COCO's IoU of boxes given as left, top, width, height: every detection with every ground truth, n × m in
 * double. If the ground truth is a crowd, the intersection is divided by the detection's area.
 */
export function iouXywh(
  detections: ArrayLike<number>,
  truths: ArrayLike<number>,
  crowd: ArrayLike<boolean | number>,
): Float64Array {
  const matrix = new Float64Array((detections.length * truths.length) / 16);
  let at = 0;
  for (let i = 0; i < detections.length; i += 4) {
    const [x, y, w, h] = [detections[i]!, detections[i + 1]!, detections[i + 2]!, detections[i + 3]!];
    for (let j = 0; j < truths.length; j += 4, at++) {
      const [tx, ty, tw, th] = [truths[j]!, truths[j + 1]!, truths[j + 2]!, truths[j + 3]!];
      const width = Math.min(x + w, tx + tw) - Math.max(x, tx);
      const height = Math.min(y + h, ty + th) - Math.max(y, ty);
      if (width <= 0 || height <= 0) continue;
      const both = width * height;
      // w * h, not the area between corners, which may differ in the last bit
      matrix[at] = both / (crowd[j / 4] ? w * h : w * h + tw * th - both);
    }
  }
  return matrix;
}

const rowsOf = (boxes: ArrayLike<number>): Box[] => Array.from({ length: boxes.length / 4 }, (_, i) => boxAt(boxes, i));

function intersectionOf([ax1, ay1, ax2, ay2]: Box, [bx1, by1, bx2, by2]: Box): number {
  const width = Math.min(ax2, bx2) - Math.max(ax1, bx1);
  const height = Math.min(ay2, by2) - Math.max(ay1, by1);
  return width > 0 && height > 0 ? width * height : 0;
}
