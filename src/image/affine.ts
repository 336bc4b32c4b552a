import type { NDArray, Size } from '../arrays.ts';
import type { Sliced } from '../slices.ts';
import { type CropPlaces, type CropSteps, cropMatrix, cropPlaces } from './crop_places.ts';
import { type Normalization, normalizationTable } from './preprocess.ts';
import type { Raster } from './raster.ts';
import { roundHalfEven } from './resize.ts';

/**
 * The crops of a top-down pose model: each box is cut out of the image by an affine map (`cv2.warpAffine`, bilinear, black
 * outside), byte for byte as OpenCV 4 does it in fixed point, and normalised. OpenCV 5 does not round the coordinates and
 * gives other bytes. (mmpose 0.29, `mmpose/datasets/pipelines/top_down_transform.py`)
 */

/** How boxes become inputs of a pose model. */
export interface CropPipeline extends Normalization {
  /** The size of the network's input. */
  readonly size: Size;
  /** How much larger than the box the crop is. By default 1.25. */
  readonly padding?: number | undefined;
  /** Maps the corners of the padded box to the centres of the corner pixels (UDP), as such models were trained. By default false. */
  readonly udp?: boolean | undefined;
  /** The order of the float32 steps that place a crop, of mmpose 0.x or 1.x. By default 0.x. */
  readonly steps?: CropSteps | undefined;
}

/** Inputs of a pose model, with what leads back to the image. */
export interface PreparedCrops extends CropPlaces {
  readonly input: NDArray; // (boxes, 3, height, width)
}

/**
 * Cuts boxes out of an image and normalises them, one crop per slice.
 *
 * @param boxesXywh n × (left, top, width, height) in pixels of the image. Boxes may lie outside it; they are not clipped.
 * @throws RangeError for a box without area, or with a value that is not finite
 */
export function* prepareCrops(
  image: Raster,
  boxesXywh: ArrayLike<number>,
  { size, padding, udp = false, steps, ...normalization }: CropPipeline,
): Sliced<PreparedCrops> {
  const places = cropPlaces(boxesXywh, size, padding, steps);
  const count = places.areas.length;
  const plane = size.height * size.width;
  const data = new Float32Array(count * 3 * plane);
  const tables = [0, 1, 2].map((channel) => normalizationTable(normalization, channel));
  for (let i = 0; i < count; i++) {
    cropRows(image, cropMatrix(places, i, size, udp, steps), size, (y, row) => {
      for (const [channel, table] of tables.entries()) {
        const from = normalization.channelOrder === 'bgr' ? 2 - channel : channel;
        const start = (3 * i + channel) * plane + y * size.width;
        for (let x = 0, at = from; x < size.width; x++, at += 3) data[start + x] = table[row[at]!]!;
      }
    });
    yield;
  }
  return { ...places, input: { shape: [count, 3, size.height, size.width], data } };
}

/** OpenCV rounds coordinates to 1024ths of a pixel, and then to 32nds. */
const steps = 1024;
const parts = 32;

/** The source pixels of a crop's columns: two per column, with weights in 32nds. A pixel outside the image has the weight 0. */
interface Columns {
  /** Offsets of red in a row of RGBA. */
  readonly near: Int32Array;
  readonly next: Int32Array;
  readonly nearWeight: Int32Array;
  readonly nextWeight: Int32Array;
}

/**
 * Cuts a crop out of an image and hands out the result row by row: `cv2.warpAffine(image, matrix)` of OpenCV 4, bilinear, black
 * outside, byte for byte. Only the rows of the image that the crop shows are read. A row of the image is stretched once for all rows
 * of the crop that lie on it: the weights are integers, so the order of the sums does not matter.
 *
 * @param matrix from the image to the crop (`cropMatrix`); rows stay rows: y' does not depend on x
 * @param emit receives the row's index and its interleaved bytes (RGB); the array is used again for the next row
 */
export function cropRows(
  image: Raster,
  matrix: Float64Array,
  { height, width }: Size,
  emit: (y: number, row: Uint8Array) => void,
): void {
  const [scaleX, skewX, left, , scaleY, top] = inverted(matrix);
  const columns: Columns = {
    near: new Int32Array(width),
    next: new Int32Array(width),
    nearWeight: new Int32Array(width),
    nextWeight: new Int32Array(width),
  };
  const row = new Uint8Array(3 * width);
  let upper = new Int32Array(3 * width);
  let lower = new Int32Array(3 * width);
  let upperRow = -1;
  let lowerRow = -1;
  let columnsStart = Number.NaN;
  for (let y = 0; y < height; y++) {
    // the skew is what rounding leaves of 0: where a coordinate lies between two steps, it decides
    const start = roundHalfEven((skewX * y + left) * steps) + parts / 2;
    if (start !== columnsStart) {
      findColumns(columns, start, scaleX, image.width);
      columnsStart = start;
      upperRow = lowerRow = -1;
    }
    const position = Math.floor((roundHalfEven((scaleY * y + top) * steps) + parts / 2) / parts);
    const first = Math.floor(position / parts);
    const fraction = position - first * parts;
    const near = first >= 0 && first < image.height ? parts - fraction : 0;
    const next = first >= -1 && first < image.height - 1 ? fraction : 0;
    if (near > 0 && first !== upperRow) {
      if (first === lowerRow) {
        [upper, lower] = [lower, upper];
        lowerRow = upperRow;
      } else stretchRow(image, first, columns, upper);
      upperRow = first;
    }
    if (next > 0 && first + 1 !== lowerRow) {
      stretchRow(image, first + 1, columns, lower);
      lowerRow = first + 1;
    }
    for (let i = 0; i < row.length; i++) row[i] = (upper[i]! * near + lower[i]! * next + 512) >> 10;
    emit(y, row);
  }
}

type Six = readonly [number, number, number, number, number, number];

/** Inverts an affine matrix in OpenCV's order of operations. */
function inverted(matrix: Float64Array): Six {
  const [a, b, c, d, e, f] = Array.from(matrix) as unknown as Six;
  const inverse = 1 / (a * e - b * d);
  const [m0, m1, m3, m4] = [e * inverse, -inverse * b, -inverse * d, a * inverse];
  return [m0, m1, -m0 * c - m1 * f, m3, m4, -m3 * c - m4 * f];
}

/** Finds the source pixels of the columns. Arithmetic in double: a box may lie further away than 32 bits reach. */
function findColumns(
  { near, next, nearWeight, nextWeight }: Columns,
  start: number,
  scale: number,
  width: number,
): void {
  for (let x = 0; x < near.length; x++) {
    const position = Math.floor((start + roundHalfEven(scale * x * steps)) / parts);
    const first = Math.floor(position / parts);
    const fraction = position - first * parts;
    const isNear = first >= 0 && first < width;
    const isNext = first >= -1 && first < width - 1;
    near[x] = isNear ? 4 * first : 0;
    next[x] = isNext ? 4 * first + 4 : 0;
    nearWeight[x] = isNear ? parts - fraction : 0;
    nextWeight[x] = isNext ? fraction : 0;
  }
}

/** Stretches one row of the image to the crop's columns: RGB in 32nds. */
function stretchRow({ data, width }: Raster, y: number, columns: Columns, out: Int32Array): void {
  const { near, next, nearWeight, nextWeight } = columns;
  const start = 4 * y * width;
  for (let x = 0, o = 0; x < near.length; x++) {
    const p = start + near[x]!;
    const q = start + next[x]!;
    const a = nearWeight[x]!;
    const b = nextWeight[x]!;
    out[o++] = data[p]! * a + data[q]! * b;
    out[o++] = data[p + 1]! * a + data[q + 1]! * b;
    out[o++] = data[p + 2]! * a + data[q + 2]! * b;
  }
}
