import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { Sliced } from '../slices.ts';
import { firstThrough, lastRead, type Samples } from './bilinear.ts';
import { decisionOf, highestOnPart, type LabelledMap, labelsFor } from './highest_class.ts';
import { type PlacedSource, placed, resizesOf, trimmed, type Weights } from './logit_sources.ts';
import { cropped, imageOf, largestOf, type ResizeStep, type Rows, resizedSteps, rowsOfMap } from './segmentation.ts';

/**
 * The classes of an image whose logits come window by window: mmseg's slide mode, and tiles. What no later window reaches gets its classes
 * at once, and the logits that only it reads are dropped. Held are, at the resolution of the head, those of a few windows and, of a row of
 * windows, those that the next row overlaps.
 */

/** A part of an image, or of the network's input. */
export interface Window extends Size {
  readonly top: number;
  readonly left: number;
}

/** How windows follow each other, in pixels. */
export interface Sliding {
  readonly crop: Size;
  readonly stride: Size;
}

/**
 * Returns the windows of mmseg's slide mode, row by row. The last of a row or column is moved back to end with the input.
 * An input smaller than the crop is one window of its size.
 */
export function slidingWindows(input: Size, { crop, stride }: Sliding): Window[] {
  const along = (axis: 'height' | 'width') => {
    const steps = Math.floor(Math.max(input[axis] - crop[axis] + stride[axis] - 1, 0) / stride[axis]) + 1;
    return Array.from({ length: steps }, (_, i) => {
      const end = Math.min(i * stride[axis] + crop[axis], input[axis]);
      return { start: Math.max(end - crop[axis], 0), end };
    });
  };
  const columns = along('width');
  return along('height').flatMap((rows) =>
    columns.map(({ start, end }) => ({
      top: rows.start,
      left: start,
      height: rows.end - rows.start,
      width: end - start,
    })),
  );
}

/** Cuts one image's window out of a batch N×C×H×W, as a batch of one. */
export function windowOf({ shape, data }: NDArray, image: number, window: Window): NDArray {
  const [, channels = 0, height = 0, width = 0] = shape;
  const out = new Float32Array(channels * window.height * window.width);
  let at = 0;
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < window.height; y++, at += window.width) {
      const start = ((image * channels + c) * height + window.top + y) * width + window.left;
      out.set(data.subarray(start, start + window.width), at);
    }
  }
  return { shape: [1, channels, window.height, window.width], data: out };
}

/**
 * How the logits of overlapping windows are joined: `mean` as mmseg does, or `hann`, which trusts the middle of a window more than its
 * edges, where the network sees less around a pixel.
 */
export type Blend = 'mean' | 'hann';

/**
 * The weights of a window along an axis: sin² at the middles of its pixels, which is 0 nowhere. Towards an edge of the image, where no
 * neighbour is, they stay 1.
 */
function hannWeights(start: number, length: number, extent: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => {
    const position = (i + 0.5) / length;
    const isFlat = position < 0.5 ? start === 0 : start + length >= extent;
    return isFlat ? 1 : Math.sin(Math.PI * position) ** 2;
  });
}

/** The weights of a window's values. */
const weightsOf = ({ top, left, height, width }: Window, base: Size, blend: Blend): Weights | undefined =>
  blend === 'mean'
    ? undefined
    : { rows: hannWeights(top, height, base.height), columns: hannWeights(left, width, base.width) };

/** Where the windows lie, and how their logits become labels. */
export interface WindowOptions {
  /** Row by row from the top; together they cover the base map. */
  readonly windows: readonly Window[];
  /** The size of the base map, on which the windows lie. They may reach beyond it, into padding. */
  readonly base: Size;
  /** The size of the labels, to which the base map is resized. */
  readonly original: Size;
  readonly alignCorners: boolean;
  readonly blend: Blend;
  /** Of one channel, see `LabelOptions`. */
  readonly threshold?: number | undefined;
}

/** Labels that grow with the windows. */
export interface WindowLabels {
  /**
   * Takes the logits of the next window, 1 × classes × height × width.
   *
   * @param steps their resizes one after another; what goes on of the last has the size of the window. By default one, to the window
   * @throws RangeError for a logit that is not finite
   */
  add(logits: NDArray, steps?: readonly ResizeStep[]): Sliced<void>;
  /** Returns the class of each pixel, after the last window. @throws ShapeError if windows are missing */
  finish(): Uint8Array | Uint16Array;
}

/**
 * Gives every pixel the class of the highest mean of the windows' logits. Every window's logits are resized to the window; where windows
 * overlap, their weighted mean counts; that is resized to the original size. The labels are those of whole maps, to the bit.
 *
 * @throws ShapeError without a window
 */
export function windowLabels({ windows, base, original, alignCorners, blend, threshold }: WindowOptions): WindowLabels {
  if (windows.length === 0) throw new ShapeError('segmentation: sliding needs at least one window, got none.');
  const resizes = resizesOf(base, [{ size: original, crop: original }], alignCorners);
  const { height, width } = original;
  let next = 0;
  let map: LabelledMap | undefined; // from the first window on
  let sources: { readonly source: PlacedSource; readonly largest: number }[] = [];
  let [top, left] = [0, 0]; // rows above are written, and of the next rows the columns on the left
  return {
    *add(logits, given) {
      const window = windows[next];
      if (!window) throw new ShapeError(`segmentation: there are ${windows.length} windows, got logits of one more.`);
      next++;
      const { classes: channels, map: size, data } = imageOf(logits, 0);
      const decision = decisionOf(channels, threshold);
      map ??= { ...decision, base, resizes, width, labels: labelsFor(original, decision.classes) };
      const largest = yield* largestOf(logits, 0);
      const steps = (given ?? [{ size: window }]).map(cropped);
      const weights = weightsOf(window, base, blend);
      const source = placed({ ...window, data, map: size, steps, weights }, alignCorners);
      // padding is not shown
      if (window.top < base.height && window.left < base.width) sources.push({ source, largest });
      const later = laterThan(window, windows.slice(next));
      const bottom = before(later.top, resizes.downs, height);
      const right = before(later.left, resizes.acrosses, width);
      if (bottom > top && right > left) {
        const most = sources.reduce((all, one) => Math.max(all, one.largest), 0);
        const found = sources.map((one) => one.source);
        yield* highestOnPart(found, map, most, { top, bottom, left, right });
        left = right;
        const row = bottom < height ? firstThrough(resizes.downs, bottom) : base.height;
        const column = right < width ? firstThrough(resizes.acrosses, right) : Infinity;
        sources = sources.flatMap((one) => {
          if (one.source.left + one.source.width > column) return one;
          const rest = trimmed(one.source, row, channels);
          return rest ? [{ source: rest, largest: one.largest }] : [];
        });
      }
      if (later.left === undefined) [top, left] = [Math.max(top, bottom), 0];
    },
    finish() {
      if (!map || next < windows.length) {
        throw new ShapeError(`segmentation: logits of ${next} of ${windows.length} windows are there.`);
      }
      return map.labels;
    },
  };
}

/** The places at which later windows begin. */
interface Later {
  /** The leftmost of the same row of windows; undefined after its last. */
  readonly left: number | undefined;
  /** The next row of windows; undefined in the last. */
  readonly top: number | undefined;
}

function laterThan(window: Window, later: readonly Window[]): Later {
  const below = later.findIndex(({ top }) => top !== window.top);
  const beside = below < 0 ? later : later.slice(0, below);
  const left = beside.length > 0 ? Math.min(...beside.map((one) => one.left)) : undefined;
  return { left, top: later[below]?.top };
}

/** How many rows (or columns) of the labels read nothing of the base map from `edge` on; all without an edge. */
function before(edge: number | undefined, [step]: readonly Samples[], extent: number): number {
  if (edge === undefined) return extent;
  if (!step) return Math.min(edge, extent);
  let i = 0;
  while (i < extent && lastRead(step, i) < edge) i++;
  return i;
}

/** The logits of a window, as `WindowLabels.add` takes them. */
export interface WindowLogits {
  readonly window: Window;
  readonly logits: NDArray;
  readonly steps?: readonly ResizeStep[] | undefined;
}

/** Returns the classes of which all logits are there, see `windowLabels`. */
export function* windowLabelSlices(
  windows: readonly WindowLogits[],
  options: Omit<WindowOptions, 'windows'>,
): Sliced<Uint8Array | Uint16Array> {
  const labels = windowLabels({ ...options, windows: windows.map(({ window }) => window) });
  for (const { logits, steps } of windows) yield* labels.add(logits, steps);
  return labels.finish();
}

/** Returns the logits of which `windowLabels` takes the highest, row by row at the original size. They take long: no value is left out. */
export function windowLogitRows(
  windows: readonly WindowLogits[],
  { base, original, alignCorners, blend }: Omit<WindowOptions, 'windows'>,
): Rows {
  const sources = windows.map(({ window, logits, steps = [{ size: window }] }) => ({
    ...resizedSteps(rowsOfMap(logits, 0), steps, alignCorners),
    window,
    weights: weightsOf(window, base, blend),
  }));
  return resizedSteps(meanOfWindows(sources, base), [{ size: original }], alignCorners);
}

/** A window whose logits are resized row by row. */
interface WindowRows extends Rows {
  readonly window: Window;
  readonly weights: Weights | undefined;
}

/** The mean of the windows, row by row. The padding of a batch is not shown. */
function meanOfWindows(sources: readonly WindowRows[], { height, width }: Size): Rows {
  const classes = sources[0]?.classes ?? 1;
  const sum = new Float32Array(classes * width);
  const total = new Float32Array(width);
  const row = (y: number): Float32Array => {
    sum.fill(0);
    total.fill(0);
    for (const { window, weights, row } of sources) {
      if (y < window.top || y >= window.top + window.height) continue;
      const values = row(y - window.top);
      const shown = Math.min(window.width, width - window.left);
      const ofRow = weights?.rows[y - window.top] ?? 1;
      for (let x = 0; x < shown; x++) {
        const weight = ofRow * (weights?.columns[x] ?? 1);
        total[window.left + x]! += weight;
        for (let c = 0; c < classes; c++) sum[c * width + window.left + x]! += values[c * window.width + x]! * weight;
      }
    }
    for (let i = 0; i < sum.length; i++) sum[i]! /= total[i % width]!;
    return sum;
  };
  return { classes, height, width, row };
}
