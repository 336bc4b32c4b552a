import type { NDArray } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { checkedMaps, stepOf } from './keypoints.ts';

/**
 * The flip test of a top-down pose model (mmpose 0.29, `flip_back` in `mmpose/core/post_processing/post_transforms.py` and
 * `inference_model` of the head): the input is mirrored, and the heatmaps of both are merged before they are decoded.
 */

export interface FlipOptions {
  /** Keypoints that change places: left and right eye, … Keypoints that are in no pair stay. */
  readonly flipPairs: readonly (readonly [number, number])[];
  /** Moves the maps of the mirrored input right by one column, as the published models do; the first column stays. By default false. */
  readonly shift?: boolean | undefined;
  /** One map per keypoint, or three: response, offset x, offset y. By default `peak`. */
  readonly target?: 'peak' | 'offset' | undefined;
}

/**
 * Returns the heatmaps of a mirrored input as if it were not mirrored: columns reversed, pairs exchanged, the sign of offsets along
 * x changed.
 *
 * @param heatmaps crops × keypoints × height × width
 * @throws ShapeError if a pair names no keypoint, or a keypoint is in two pairs
 */
export function flipBack(heatmaps: NDArray, { flipPairs, shift = false, target = 'peak' }: FlipOptions): NDArray {
  const step = stepOf(target);
  const { count, channels, size } = checkedMaps(heatmaps, step);
  const { height, width } = size;
  const partners = partnersOf(channels / step, flipPairs);
  const data = new Float32Array(heatmaps.data.length);
  for (let i = 0; i < count * channels; i++) {
    const channel = i % channels;
    const part = channel % step;
    const source = i - channel + step * partners[(channel - part) / step]! + part;
    const sign = part === 1 ? -1 : 1;
    for (let y = 0; y < height; y++) {
      const to = (i * height + y) * width;
      // shifted, the last column of the source begins at column 1; it is in column 0, too
      let from = (source * height + y + 1) * width - 1;
      let x = 0;
      if (shift) data[to + x++] = sign * heatmaps.data[from]!;
      for (; x < width; x++) data[to + x] = sign * heatmaps.data[from--]!;
    }
  }
  return { shape: heatmaps.shape, data };
}

/** Returns for each keypoint the one that takes its place. */
function partnersOf(keypoints: number, flipPairs: FlipOptions['flipPairs']): Int32Array {
  const partners = Int32Array.from({ length: keypoints }, (_, i) => i);
  for (const pair of flipPairs) {
    for (const [k, keypoint] of pair.entries()) {
      const other = pair[1 - k];
      if (partners[keypoint] !== keypoint || other === undefined || partners[other] === undefined) {
        const fault =
          partners[keypoint] === undefined || partners[keypoint] === keypoint
            ? 'names no keypoint'
            : 'has a keypoint of another pair';
        throw new ShapeError(
          `flipBack: the flip pair ${pair.join('-')} ${fault}. There are keypoints 0 to ${keypoints - 1}.`,
        );
      }
    }
    const [left, right] = pair;
    partners[left] = right;
    partners[right] = left;
  }
  return partners;
}

/**
 * Returns the mean of the heatmaps of an input and those of the mirrored one.
 *
 * @param mirrored the network's output for the mirrored input
 * @throws ShapeError if the shapes differ
 */
export function mergeFlipped(heatmaps: NDArray, mirrored: NDArray, options: FlipOptions): NDArray {
  if (heatmaps.shape.join() !== mirrored.shape.join()) {
    throw new ShapeError(
      `mergeFlipped: heatmaps of shape [${heatmaps.shape.join(', ')}] and [${mirrored.shape.join(', ')}]. Both must have one shape.`,
    );
  }
  const { shape, data } = flipBack(mirrored, options);
  for (let i = 0; i < data.length; i++) data[i] = Math.fround(data[i]! + heatmaps.data[i]!) * 0.5;
  return { shape, data };
}
