import type { Size } from '../arrays.ts';
import { ImageError, ShapeError } from '../errors.ts';

/**
 * COCO's run-length masks, computed with directly, without a bitmap. A position counts column by column (`x * height +
 * y`); a stretch is a half-open range of positions that are set. Bitmaps are row by row, 0 or not.
 */

/** COCO's run lengths: column by column, the first run counts zeros. */
export interface Rle extends Size {
  readonly counts: Uint32Array;
}

/** Collects stretches, given in ascending order, into runs. Neighbours that touch become one, empty ones are left out. */
export function runCollector(size: Size): { add(from: number, to: number): void; finish(): Rle } {
  const counts: number[] = [];
  let end = 0;
  return {
    add(from, to) {
      if (to <= from) return;
      if (from === end && counts.length > 0) counts[counts.length - 1]! += to - from;
      else counts.push(from - end, to - from);
      end = to;
    },
    finish() {
      const rest = size.height * size.width - end;
      if (rest > 0) counts.push(rest);
      return { height: size.height, width: size.width, counts: Uint32Array.from(counts) };
    },
  };
}

/** Calls `visit` with every stretch that is set. */
function forEachStretch({ counts }: Rle, visit: (from: number, to: number) => void): void {
  let position = 0;
  let isSet = false;
  for (const count of counts) {
    if (isSet && count > 0) visit(position, position + count);
    position += count;
    isSet = !isSet;
  }
}

/** Calls `visit` with every stretch, cut at the ends of columns: rows `from` up to `to` (exclusive) of column `x`. */
export function forEachColumnStretch(rle: Rle, visit: (x: number, from: number, to: number) => void): void {
  const { height } = rle;
  forEachStretch(rle, (start, end) => {
    for (let from = start; from < end; ) {
      const x = Math.floor(from / height);
      const to = Math.min(end, (x + 1) * height);
      visit(x, from - x * height, to - x * height);
      from = to;
    }
  });
}

/**
 * Checks runs from outside (COCO's uncompressed `counts`).
 *
 * @throws ShapeError if they do not fill the size
 */
export function rleOf(counts: ArrayLike<number>, size: Size): Rle {
  const runs = new Uint32Array(counts.length);
  let sum = 0;
  for (let run = 0; run < counts.length; run++) {
    const count = counts[run]!;
    if (!Number.isInteger(count) || count < 0) {
      throw new ShapeError(`mask: run ${run} is ${count}; runs are whole numbers of pixels, at least 0.`);
    }
    runs[run] = count;
    sum += count;
  }
  if (sum !== size.height * size.width) {
    throw new ShapeError(
      `mask: the runs cover ${sum} pixels, but ${size.height}×${size.width} has ${size.height * size.width}. ` +
        'Give the size of the image that the mask was made for.',
    );
  }
  return { height: size.height, width: size.width, counts: runs };
}

/** Encodes height × width values in row-major order; any value but 0 counts as set. */
export function encodeBitmap(bitmap: Uint8Array, size: Size): Rle {
  const { height, width } = size;
  const runs = runCollector(size);
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; ) {
      while (y < height && !bitmap[y * width + x]) y++;
      const from = y;
      while (y < height && bitmap[y * width + x]) y++;
      runs.add(x * height + from, x * height + y);
    }
  }
  return runs.finish();
}

/** Decodes to height × width values, 0 or 1. */
export function decodeBitmap(rle: Rle): Uint8Array {
  const { height, width } = rle;
  const bitmap = new Uint8Array(height * width);
  forEachColumnStretch(rle, (x, from, to) => {
    for (let y = from; y < to; y++) bitmap[y * width + x] = 1;
  });
  return bitmap;
}

/** Counts the pixels that are set. */
export function rleArea({ counts }: Rle): number {
  let area = 0;
  for (let run = 1; run < counts.length; run += 2) area += counts[run]!;
  return area;
}

type Xywh = [x: number, y: number, width: number, height: number];

/** Returns the smallest box around what is set: left, top, width, height; all 0 for an empty mask. */
export function rleBoxXywh(rle: Rle): Xywh {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  forEachStretch(rle, (from, to) => {
    const first = Math.floor(from / rle.height);
    const last = Math.floor((to - 1) / rle.height);
    left = Math.min(left, first);
    right = Math.max(right, last + 1);
    // a stretch that goes on in the next column touches both edges
    top = first < last ? 0 : Math.min(top, from - first * rle.height);
    bottom = first < last ? rle.height : Math.max(bottom, to - last * rle.height);
  });
  return right === 0 ? [0, 0, 0, 0] : [left, top, right - left, bottom - top];
}

/**
 * Merges masks of one size: what is set in any of them, in all of them, or in the first and in no other.
 *
 * @throws ShapeError for masks of different sizes, or without a mask
 */
export function mergeRles(rles: readonly Rle[], how: 'union' | 'intersection' | 'difference'): Rle {
  const [first, ...others] = rles;
  if (!first) throw new ShapeError('mask: merging needs at least one mask, got none.');
  const stays = {
    union: (inA: boolean, inB: boolean) => inA || inB,
    intersection: (inA: boolean, inB: boolean) => inA && inB,
    difference: (inA: boolean, inB: boolean) => inA && !inB,
  }[how];
  return others.reduce((merged, rle) => {
    const runs = runCollector(merged);
    forEachOverlay(merged, rle, (from, to, inA, inB) => {
      if (stays(inA, inB)) runs.add(from, to);
    });
    return runs.finish();
  }, first);
}

/**
 * Returns the IoU of every detection with every ground truth, n × m as COCO computes it. If the ground truth is a crowd,
 * the intersection is divided by the detection's area.
 */
export function rleIou(detections: readonly Rle[], truths: readonly Rle[], crowd: readonly boolean[]): Float64Array {
  const measured = (rles: readonly Rle[]) => rles.map((rle) => ({ rle, area: rleArea(rle), box: rleBoxXywh(rle) }));
  const [ones, others] = [measured(detections), measured(truths)];
  const matrix = new Float64Array(ones.length * others.length);
  for (const [i, detection] of ones.entries()) {
    for (const [j, truth] of others.entries()) {
      // most pairs are far apart: their runs need no walk
      if (!touch(detection.box, truth.box)) continue;
      const both = rleIntersection(detection.rle, truth.rle);
      const whole = crowd[j] ? detection.area : detection.area + truth.area - both;
      if (both > 0) matrix[i * others.length + j] = both / whole;
    }
  }
  return matrix;
}

/** Counts the pixels that are set in both masks. @throws ShapeError for masks of different sizes */
export function rleIntersection(a: Rle, b: Rle): number {
  checkSameSize(a, b);
  const [runsA, runsB] = [a.counts, b.counts];
  let [both, position, runA, runB] = [0, 0, 0, 0];
  let [endA, endB] = [runsA[0] ?? 0, runsB[0] ?? 0];
  while (runA < runsA.length && runB < runsB.length) {
    const end = Math.min(endA, endB);
    if (runA & runB & 1) both += end - position;
    position = end;
    if (endA === end) endA += runsA[++runA] ?? 0;
    if (endB === end) endB += runsB[++runB] ?? 0;
  }
  return both;
}

function checkSameSize(a: Rle, b: Rle): void {
  if (a.height === b.height && a.width === b.width) return;
  throw new ShapeError(
    `mask: cannot compare masks of ${a.height}×${a.width} and ${b.height}×${b.width}. Both must be of one image size.`,
  );
}

function touch([ax, ay, aw, ah]: Xywh, [bx, by, bw, bh]: Xywh): boolean {
  return Math.min(ax + aw, bx + bw) > Math.max(ax, bx) && Math.min(ay + ah, by + bh) > Math.max(ay, by);
}

/** Walks two masks of one size together and visits every range in which both keep their value. */
function forEachOverlay(a: Rle, b: Rle, visit: (from: number, to: number, inA: boolean, inB: boolean) => void): void {
  checkSameSize(a, b);
  let [runA, runB, position] = [0, 0, 0];
  let [endA, endB] = [a.counts[0] ?? 0, b.counts[0] ?? 0];
  while (runA < a.counts.length && runB < b.counts.length) {
    const end = Math.min(endA, endB);
    if (end > position) visit(position, end, runA % 2 === 1, runB % 2 === 1);
    position = end;
    if (endA === end) endA += a.counts[++runA] ?? 0;
    if (endB === end) endB += b.counts[++runB] ?? 0;
  }
}

/**
 * Writes COCO's compressed string. From the fourth run on it holds the difference to the run two before, in groups of
 * five bits, lowest first, sign in the last group; the sixth bit says that another group follows; 48 is added to make a
 * character.
 */
export function rleToString({ counts }: Rle): string {
  const characters: string[] = [];
  for (const [run, count] of counts.entries()) {
    let rest = run > 2 ? count - counts[run - 2]! : count;
    for (let more = true; more; ) {
      const group = rest & 31;
      rest >>= 5;
      more = group & 16 ? rest !== -1 : rest !== 0;
      characters.push(String.fromCharCode((more ? group | 32 : group) + 48));
    }
  }
  return characters.join('');
}

/**
 * Reads COCO's compressed string.
 *
 * @throws ImageError if the text is not a run-length string, ShapeError if the runs do not fill the size
 */
export function rleFromString(text: string, size: Size): Rle {
  const counts = new Float64Array(text.length); // each run has a character or more
  let run = 0;
  for (let at = 0; at < text.length; run++) {
    let value = 0;
    for (let shift = 0, more = true; more; shift += 5, at++) {
      const code = text.charCodeAt(at) - 48;
      if (Number.isNaN(code) || shift > 30) {
        throw new ImageError(
          `mask: invalid run-length string of ${text.length} characters: it ends inside number ${run}.`,
        );
      }
      if (code < 0 || code > 63) {
        throw new ImageError(
          `mask: invalid character "${text[at]}" at ${at} of a COCO run-length string. Characters go from "0" to "o".`,
        );
      }
      value |= (code & 31) << shift;
      more = (code & 32) !== 0;
      // extends the sign of the last group to the left
      if (!more && code & 16 && shift < 25) value |= -1 << (shift + 5);
    }
    counts[run] = run > 2 ? value + counts[run - 2]! : value;
  }
  return rleOf(counts.subarray(0, run), size);
}
