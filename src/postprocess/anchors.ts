import type { Size } from '../arrays.ts';
import { boxAt } from './boxes.ts';

/**
 * Anchors as mmdet's `AnchorGenerator` makes them. In a level's list the row of an anchor is `(y * width + x) * A + a`;
 * within a position `a` runs over the ratios, and within a ratio over the scales.
 */

interface AnchorLayout {
  /** One per level; a plain number serves both axes. */
  readonly strides: readonly (number | Size)[];
  /** Height divided by width. */
  readonly ratios: readonly number[];
  /** One per level; by default the smaller stride. */
  readonly baseSizes?: readonly number[] | undefined;
  /** The centre of the anchors of position (0, 0), in base sizes. By default 0 as in mmdet 2.x and later; 0.5 before. */
  readonly centerOffset?: number | undefined;
  /** The centre of the anchors of position (0, 0), one per level in pixels. It replaces `centerOffset`. */
  readonly centers?: readonly (readonly [x: number, y: number])[] | undefined;
}

/** How a detector lays out its anchors. Scales are given one by one, or as `octaveBaseScale * 2 ** (k / scalesPerOctave)`. */
export type AnchorConfig = AnchorLayout &
  ({ readonly scales: readonly number[] } | { readonly octaveBaseScale: number; readonly scalesPerOctave: number });

export interface AnchorLevel {
  readonly stride: Size;
  /** The anchors of position (0, 0): A × (x1, y1, x2, y2). */
  readonly base: Float32Array;
}

/** Returns the levels of `config` in the order of its `strides`, finest first. */
export function anchorLevels(config: AnchorConfig): AnchorLevel[] {
  const scales = scalesOf(config);
  return config.strides.map((given, level) => {
    const stride = typeof given === 'number' ? { height: given, width: given } : given;
    const size = config.baseSizes?.[level] ?? Math.min(stride.height, stride.width);
    const offset = (config.centerOffset ?? 0) * size;
    return { stride, base: baseAnchors(size, config.ratios, scales, config.centers?.[level] ?? [offset, offset]) };
  });
}

/** Counts the anchors of each position: the channels of an RPN's score map. */
export function anchorsPerPosition(config: AnchorConfig): number {
  return config.ratios.length * scalesOf(config).length;
}

function scalesOf(config: AnchorConfig): readonly number[] {
  if ('scales' in config) return config.scales;
  const { octaveBaseScale, scalesPerOctave } = config;
  return Array.from({ length: scalesPerOctave }, (_, k) => octaveBaseScale * 2 ** (k / scalesPerOctave));
}

function baseAnchors(
  size: number,
  ratios: readonly number[],
  scales: readonly number[],
  [x, y]: readonly [number, number],
) {
  return Float32Array.from(
    ratios.flatMap((ratio) =>
      scales.flatMap((scale) => {
        const halfWidth = (size * scale) / Math.sqrt(ratio) / 2;
        const halfHeight = (size * scale * Math.sqrt(ratio)) / 2;
        return [x - halfWidth, y - halfHeight, x + halfWidth, y + halfHeight];
      }),
    ),
  );
}

/** Returns all anchors of a level on a map of `map` positions: (height * width * A) × xyxy in network pixels. */
export function gridAnchors({ stride, base }: AnchorLevel, map: Size): Float32Array {
  const anchors = new Float32Array(map.height * map.width * base.length);
  let at = 0;
  for (let y = 0; y < map.height; y++) {
    for (let x = 0; x < map.width; x++) {
      for (let i = 0; i < base.length; i++) {
        anchors[at++] = base[i]! + (i % 2 === 0 ? x * stride.width : y * stride.height);
      }
    }
  }
  return anchors;
}

/** Returns one flag per anchor: 1 if its position lies on the image of size `padded` (the map may reach further). */
export function validFlags({ stride, base }: AnchorLevel, map: Size, padded: Size): Uint8Array {
  const height = Math.min(Math.ceil(padded.height / stride.height), map.height);
  const width = Math.min(Math.ceil(padded.width / stride.width), map.width);
  const perPosition = base.length / 4;
  const flags = new Uint8Array(map.height * map.width * perPosition);
  for (let y = 0; y < height; y++) {
    const row = y * map.width * perPosition;
    flags.fill(1, row, row + width * perPosition);
  }
  return flags;
}

/**
 * Returns one flag per anchor: 1 if it is `valid` and stays within `allowedBorder` pixels of the image. A negative border
 * allows every valid one. The right and lower limits are exclusive, as in mmdet's `anchor_inside_flags`.
 */
export function insideFlags(
  anchors: Float32Array,
  valid: Uint8Array,
  image: Size,
  { allowedBorder }: { allowedBorder: number },
): Uint8Array {
  if (allowedBorder < 0) return valid.slice();
  return valid.map((flag, i) => {
    const [x1, y1, x2, y2] = boxAt(anchors, i);
    const inside =
      Math.min(x1, y1) >= -allowedBorder && x2 < image.width + allowedBorder && y2 < image.height + allowedBorder;
    return flag && inside ? 1 : 0;
  });
}
