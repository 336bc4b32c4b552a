import type { NDArray, Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { gaussianBlur, gaussianWindow } from './gaussian.ts';
import { checkFinite } from './scores.ts';

/**
 * From heatmaps to keypoints in pixels of the image, as mmpose 0.29 does it (`mmpose/core/evaluation/top_down_eval.py`), and what
 * mmpose 1.x does otherwise (`mmpose/codecs`). Positions on maps and in the image are float32, as in 0.29; refinements are computed in double.
 */

/** How a heatmap becomes a keypoint. */
export interface HeatmapDecoding {
  /**
   * - `none`: the cell of the maximum.
   * - `quarter`: moved by a quarter of a cell towards the higher neighbour on each axis. The published models use it (mmpose's `default`).
   * - `dark`: refined by a Newton step on the logarithm of the blurred map (mmpose's `unbiased`, arXiv 1910.06278).
   * - `udp`: the same on other differences, for maps whose corner cells lie on the corners of the crop (arXiv 1911.07524).
   * - `megvii`: `quarter` on the blurred map, moved by half a cell more, with scores around 0.5.
   * - `quarter_1x`: `quarter` of mmpose 1.x. A neighbour that is missing on one axis does not matter to the other.
   * - `udp_1x`: `udp` of mmpose 1.x. Beyond the border the blur sees zeros, and its result is scaled to the maximum of the map. Offsets are
   *   not blurred, and reach as far as the longer side of the map says.
   */
  readonly decode: 'none' | 'quarter' | 'dark' | 'udp' | 'megvii' | 'quarter_1x' | 'udp_1x';
  /** The side of the window that all but `none` and the quarters blur with, an odd number. By default 11. */
  readonly blur?: number | undefined;
  /**
   * `peak`: one map per keypoint, with a peak at its position. `offset`: three, the response and the offsets along x and y, which `udp` and
   * `udp_1x` read (mmpose's `CombinedTarget`). By default `peak`.
   */
  readonly target?: 'peak' | 'offset' | undefined;
  /** The reach of an offset of 1, in heights of the map; with `udp_1x` in its longer sides. By default 0.0546875. */
  readonly offsetRadius?: number | undefined;
}

/** The places of crops in the image. */
export interface HeatmapPlaces {
  /** n × (x, y) in pixels of the image. */
  readonly centers: Float32Array;
  /** n × (x, y) in 200 pixels of the image. */
  readonly scales: Float32Array;
}

/** The keypoints of crops. */
export interface DecodedKeypoints {
  /** n × keypoints × (x, y) in pixels of the image. They may lie outside of it, and outside of the box. */
  readonly points: Float32Array;
  /** n × keypoints: the maximum of each heatmap. It is not a probability: it may be above 1 or below 0. */
  readonly scores: Float32Array;
}

const f32 = Math.fround;

/** One map that is decoded. */
interface Heatmap extends Size {
  readonly values: Float32Array; // height × width
}

/** The position of a keypoint on its map, and its score. */
interface Found {
  x: number;
  y: number;
  score: number;
}

type Decode = (map: Heatmap, window: Float32Array) => Found;

/**
 * Returns the keypoints of every crop. A map without a value above 0 gives the position (-1, -1) of the map, a point outside the
 * crop, which is carried into the image like any other; its score is not above 0. The reference refines this position under
 * UDP by cells of other maps; this package leaves it.
 *
 * @param heatmaps crops × keypoints × height × width; with offsets crops × (3 · keypoints) × height × width: response, offset x,
 *   offset y of each keypoint
 * @throws ShapeError if the shapes do not fit
 * @throws RangeError for a value that is not finite, for a window whose side is not odd, and for offsets without `udp`
 */
export function decodeHeatmaps(
  heatmaps: NDArray,
  { centers, scales }: HeatmapPlaces,
  { decode, blur = 11, target = 'peak', offsetRadius = 0.0546875 }: HeatmapDecoding,
): DecodedKeypoints {
  const step = stepOf(target);
  const { count, channels, size } = checkedMaps(heatmaps, step);
  if (centers.length !== 2 * count || scales.length !== 2 * count) {
    throw new ShapeError(
      `decodeHeatmaps: ${count} crops have ${centers.length / 2} centres and ${scales.length / 2} scales. Give one of each per crop.`,
    );
  }
  const isUdp = decode === 'udp' || decode === 'udp_1x';
  if (target === 'offset' && !isUdp) {
    throw new RangeError(
      `decodeHeatmaps: "${decode}" does not read offsets. Decode heatmaps with offsets by "udp" or "udp_1x".`,
    );
  }
  const udp = isUdp ? 1 : 0;
  if (size.width <= udp || size.height <= udp) {
    throw new ShapeError(`decodeHeatmaps: UDP needs maps of at least 2×2 cells, got ${size.height}×${size.width}.`);
  }
  checkFinite('decodeHeatmaps', 'heatmaps', heatmaps.data);
  checkFinite('decodeHeatmaps', 'centers', centers);
  checkFinite('decodeHeatmaps', 'scales', scales);
  const keypoints = channels / step;
  const cells = size.height * size.width;
  const map = (i: number): Heatmap => ({ ...size, values: heatmaps.data.subarray(i * cells, (i + 1) * cells) });
  const window = gaussianWindow(blur);
  const wideWindow = gaussianWindow(2 * blur + 1);
  const points = new Float32Array(2 * count * keypoints);
  const scores = new Float32Array(count * keypoints);
  for (let i = 0; i < count * keypoints; i++) {
    const found =
      target === 'offset'
        ? addOffsets([map(3 * i), map(3 * i + 1), map(3 * i + 2)], {
            wideWindow,
            window: decode === 'udp' ? window : undefined,
            reach: offsetRadius * (decode === 'udp' ? size.height : Math.max(size.height, size.width)),
          })
        : decoders[decode](map(i), window);
    const crop = 2 * Math.floor(i / keypoints);
    points[2 * i] = toImage(found.x, centers[crop]!, scales[crop]!, size.width - udp);
    points[2 * i + 1] = toImage(found.y, centers[crop + 1]!, scales[crop + 1]!, size.height - udp);
    scores[i] = found.score;
  }
  return { points, scores };
}

/** Returns the channels of one keypoint. */
export const stepOf = (target: 'peak' | 'offset'): 1 | 3 => (target === 'offset' ? 3 : 1);

/** Checks the shape of a batch of heatmaps. @param step channels of one keypoint */
export function checkedMaps({ shape, data }: NDArray, step: 1 | 3) {
  const [count = 0, channels = 0, height = 0, width = 0] = shape;
  if (shape.length !== 4 || data.length !== count * channels * height * width || height < 1 || width < 1) {
    throw new ShapeError(
      `heatmaps: the shape is [${shape.join(', ')}] with ${data.length} values. It must be crops × keypoints × height × width.`,
    );
  }
  if (channels % step !== 0) {
    throw new ShapeError(
      `heatmaps: ${channels} channels are not a multiple of 3 (heatmap, offset x, offset y of each keypoint).`,
    );
  }
  return { count, channels, size: { height, width } };
}

/** Carries a position on a map into the image, in the reference's float32 steps. */
function toImage(position: number, center: number, scale: number, cells: number): number {
  const side = f32(scale * 200);
  return f32(f32(f32(f32(position) * f32(side / cells)) + center) - f32(side * 0.5));
}

const decoders: Readonly<Record<HeatmapDecoding['decode'], Decode>> = {
  none: (map) => maximumOf(map),
  quarter: (map) => {
    const found = maximumOf(map);
    if (hasNeighbours(map, found, 1)) addQuarters(map, found, 0);
    return found;
  },
  quarter_1x: (map) => {
    const found = maximumOf(map);
    const { x, y } = found;
    const { values, width, height } = map;
    const at = y * width + x;
    // the reference's two conditions: one more cell is left out before the first neighbour than after the last
    if (x > 1 && x < width - 1 && y > 0) found.x += 0.25 * Math.sign(values[at + 1]! - values[at - 1]!);
    if (y > 1 && y < height - 1 && x > 0) found.y += 0.25 * Math.sign(values[at + width]! - values[at - width]!);
    return found;
  },
  dark: (map, window) => {
    const found = maximumOf(map);
    if (hasNeighbours(map, found, 2))
      newtonStep(found, derivativesTwoApart(modulated(map, window, found.score), found));
    return found;
  },
  udp: (map, window) => {
    const found = maximumOf(map);
    const blurred = () => ({ ...map, values: gaussianBlur(map.values, map, window, 'reflection') });
    if (found.x >= 0) newtonStep(found, derivativesOfNeighbours(blurred(), found));
    return found;
  },
  udp_1x: (map, window) => {
    const found = maximumOf(map);
    if (found.x >= 0) newtonStep(found, derivativesOfNeighbours(modulated(map, window, found.score), found));
    return found;
  },
  megvii: (map, window) => {
    const blurred = modulated(map, window, maximumOf(map).score);
    const found = maximumOf(blurred);
    if (hasNeighbours(blurred, found, 1)) addQuarters(blurred, found, 0.5);
    return { ...found, score: found.score / 255 + 0.5 };
  },
};

/** Returns the first cell of the maximum in row order; (-1, -1) if the maximum is not above 0. */
function maximumOf({ values, width }: Heatmap): Found {
  let at = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[at]!) at = i;
  const score = values[at]!;
  return score > 0 ? { x: at % width, y: Math.floor(at / width), score } : { x: -1, y: -1, score };
}

/** The reference's condition of refinements: the first two columns and rows are left out, and as many as `last` at the end. */
const hasNeighbours = ({ height, width }: Size, { x, y }: Found, last: 1 | 2): boolean =>
  x > 1 && x < width - last && y > 1 && y < height - last;

/** Moves a position by a quarter of a cell towards the higher neighbour on each axis, and by `more` on both. */
function addQuarters({ values, width }: Heatmap, found: Found, more: number): void {
  const at = found.y * width + found.x;
  found.x += Math.sign(values[at + 1]! - values[at - 1]!) * 0.25 + more;
  found.y += Math.sign(values[at + width]! - values[at - width]!) * 0.25 + more;
}

/** Returns the map blurred with zeros around, and scaled so that its maximum is that of the map. */
function modulated(map: Heatmap, window: Float32Array, maximum: number): Heatmap {
  const values = gaussianBlur(map.values, map, window, 'zeros');
  let highest = -Infinity;
  for (const value of values) highest = Math.max(highest, value);
  // a map of zeros stays one
  const factor = highest === 0 ? 1 : f32(maximum / highest);
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
  return { ...map, values };
}

/** First and second derivatives of the logarithm of a map at a position. */
interface Derivatives {
  readonly dx: number;
  readonly dy: number;
  readonly dxx: number;
  readonly dxy: number;
  readonly dyy: number;
}

/** DARK's: second differences over two cells. */
function derivativesTwoApart({ values, width }: Heatmap, { x, y }: Found): Derivatives {
  const at = (dx: number, dy: number) => Math.log(Math.max(values[(y + dy) * width + x + dx]!, 1e-10));
  return {
    dx: (at(1, 0) - at(-1, 0)) / 2,
    dy: (at(0, 1) - at(0, -1)) / 2,
    dxx: (at(2, 0) - 2 * at(0, 0) + at(-2, 0)) / 4,
    dxy: (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / 4,
    dyy: (at(0, 2) - 2 * at(0, 0) + at(0, -2)) / 4,
  };
}

/** The float32 epsilon that UDP adds to the second derivatives. */
const epsilon = 2 ** -23;

/** UDP's: of a blurred map, whose values are clamped to 0.001 … 50. Beyond the border the outermost cells are repeated. */
function derivativesOfNeighbours({ values, height, width }: Heatmap, { x, y }: Found): Derivatives {
  const at = (dx: number, dy: number) => {
    const column = Math.min(Math.max(x + dx, 0), width - 1);
    const row = Math.min(Math.max(y + dy, 0), height - 1);
    return Math.log(Math.min(Math.max(values[row * width + column]!, f32(0.001)), 50));
  };
  const center = at(0, 0);
  return {
    dx: (at(1, 0) - at(-1, 0)) / 2,
    dy: (at(0, 1) - at(0, -1)) / 2,
    dxx: at(1, 0) - 2 * center + at(-1, 0) + epsilon,
    dxy: (at(1, 1) - at(1, 0) - at(0, 1) + 2 * center - at(-1, 0) - at(0, -1) + at(-1, -1)) / 2,
    dyy: at(0, 1) - 2 * center + at(0, -1) + epsilon,
  };
}

/** Moves a position to the extremum of the parabola with these derivatives; not at all if there is none. */
function newtonStep(found: Found, { dx, dy, dxx, dxy, dyy }: Derivatives): void {
  const determinant = dxx * dyy - dxy * dxy;
  if (determinant === 0) return;
  found.x -= (dyy * dx - dxy * dy) / determinant;
  found.y -= (dxx * dy - dxy * dx) / determinant;
}

/** How offsets are read. */
interface Offsets {
  /** Blurs the response. */
  readonly wideWindow: Float32Array;
  /** Blurs the offsets. Undefined if they are read as they are. */
  readonly window: Float32Array | undefined;
  /** The cells that an offset of 1 reaches. */
  readonly reach: number;
}

/** Returns the maximum of the blurred response, moved by the offsets there. */
function addOffsets(
  [response, offsetX, offsetY]: readonly [Heatmap, Heatmap, Heatmap],
  { wideWindow, window, reach }: Offsets,
): Found {
  const found = maximumOf({ ...response, values: gaussianBlur(response.values, response, wideWindow, 'reflection') });
  if (found.x < 0) return found;
  const at = found.y * response.width + found.x;
  const offsetAt = ({ values }: Heatmap) =>
    (window ? gaussianBlur(values, response, window, 'reflection') : values)[at]! * reach;
  found.x += offsetAt(offsetX);
  found.y += offsetAt(offsetY);
  return found;
}
