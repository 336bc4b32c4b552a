import type { Size } from '../arrays.ts';

/**
 * The places of the crops of a top-down pose model: box → centre and scale → matrix, in the float32 steps of mmpose 0.29
 * (`mmpose/core/bbox/transforms.py`, `mmpose/core/post_processing/post_transforms.py`), or of 1.3 (`mmpose/structures/bbox/transforms.py`,
 * `mmpose/datasets/transforms/topdown_transforms.py`). Another step would move a crop by 1/32 pixel where a coordinate lies between two
 * of them.
 */

/** Which version's order of float32 steps. */
export type CropSteps = '0x' | '1x';

/** The places of n crops in an image. */
export interface CropPlaces {
  /** n × (x, y): the middle of each crop, in pixels of the image. */
  readonly centers: Float32Array;
  /** n × (x, y): width and height of each crop, padding included, in 200 pixels of the image (mmpose's `scale`). */
  readonly scales: Float32Array;
  /** n × (width, height) of each crop in pixels of the image. */
  readonly sides: Float32Array;
  /** n: width × height of each crop in pixels of the image. OKS between predictions is measured by it. */
  readonly areas: Float32Array;
}

const f32 = Math.fround;

/**
 * Returns the places of the crops of boxes: the shorter side of each box grows to the aspect of the input, then both by the
 * padding.
 *
 * @param boxesXywh n × (left, top, width, height) in pixels of the image. Boxes are not clipped to it.
 * @param size of the network's input
 * @throws RangeError for a box without area, or with a value that is not finite
 */
export function cropPlaces(
  boxesXywh: ArrayLike<number>,
  size: Size,
  padding = 1.25,
  steps: CropSteps = '0x',
): CropPlaces {
  if (boxesXywh.length % 4 !== 0) {
    throw new RangeError(
      `cropPlaces: boxes are x, y, width, height, four values each; got ${boxesXywh.length} values.`,
    );
  }
  if (!(padding > 0 && Number.isFinite(padding))) {
    throw new RangeError(`cropPlaces: the padding is ${padding}. It must be a number above 0, mostly 1.25.`);
  }
  const count = boxesXywh.length / 4;
  const place = steps === '1x' ? place1x : place0x;
  const centers = new Float32Array(2 * count);
  const scales = new Float32Array(2 * count);
  const sides = new Float32Array(2 * count);
  const areas = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    checkBox(boxesXywh, i);
    const [x = 0, y = 0, width = 0, height = 0] = Array.from({ length: 4 }, (_, k) => boxesXywh[4 * i + k]!);
    const { center, side, scale } = place([x, y, width, height], size.width / size.height, f32(padding));
    centers.set(center, 2 * i);
    sides.set(side, 2 * i);
    scales.set(scale, 2 * i);
    areas[i] = sides[2 * i]! * sides[2 * i + 1]!;
    if (!Number.isFinite(areas[i]!) || !hasPlace({ centers, sides }, i)) {
      throw new RangeError(
        `cropPlaces: box ${i} (${boxText(boxesXywh, i)}) is too far away or too small for the precision of float32. ` +
          'Boxes are x, y, width, height in pixels of the image.',
      );
    }
  }
  return { centers, scales, sides, areas };
}

type Pair = readonly [number, number];

interface Place {
  readonly center: Pair;
  readonly side: Pair;
  readonly scale: Pair;
}

type PlaceOf = (xywh: readonly [number, number, number, number], aspect: number, padding: number) => Place;

/** The box grows in double, and its sides are measured in 200 pixels. */
const place0x: PlaceOf = ([x, y, width, height], aspect, padding) => {
  const scaleOf = (side: number) => f32(f32(f32(side) / 200) * padding);
  const isWide = width > aspect * height;
  const isNarrow = width < aspect * height;
  const scale: Pair = [scaleOf(isNarrow ? height * aspect : width), scaleOf(isWide ? width / aspect : height)];
  return { center: [x + width * 0.5, y + height * 0.5], scale, side: [f32(scale[0] * 200), f32(scale[1] * 200)] };
};

/** Its corners are float32, and it is padded before it grows. */
const place1x: PlaceOf = ([x, y, width, height], aspect, padding) => {
  const [x1, y1, x2, y2] = [f32(x), f32(y), f32(x + width), f32(y + height)];
  const [w, h] = [f32(f32(x2 - x1) * padding), f32(f32(y2 - y1) * padding)];
  const across = f32(h * f32(aspect));
  const side: Pair = w > across ? [w, f32(w / f32(aspect))] : [across, h];
  return {
    center: [f32(x1 + x2) * 0.5, f32(y1 + y2) * 0.5],
    side,
    scale: [side[0] / 200, side[1] / 200],
  };
};

function checkBox(boxesXywh: ArrayLike<number>, i: number): void {
  for (let k = 0; k < 4; k++) {
    if (!Number.isFinite(boxesXywh[4 * i + k]!)) {
      throw new RangeError(
        `cropPlaces: box ${i} has the ${['x', 'y', 'width', 'height'][k]} ${boxesXywh[4 * i + k]}, not a finite number.`,
      );
    }
  }
  if (!(boxesXywh[4 * i + 2]! > 0 && boxesXywh[4 * i + 3]! > 0)) {
    throw new RangeError(
      `cropPlaces: box ${i} has no area: ${boxText(boxesXywh, i)}. Boxes are x, y, width, height in pixels of the image, ` +
        'width and height above 0. Leave this box out, or subtract if these are corners.',
    );
  }
}

/** The place of a crop depends on these values and on its box. */
export interface CropShape {
  /** The size of the network's input. By default a square. */
  readonly size?: Size | undefined;
  /** By default 1.25. */
  readonly padding?: number | undefined;
  /** By default those of mmpose 0.x. */
  readonly steps?: CropSteps | undefined;
}

/** A box by its left, upper, right and lower edge. */
export type Corners = readonly [x1: number, y1: number, x2: number, y2: number];

const square: Size = { height: 1, width: 1 };

/** Tells if a box has an area, and a crop that float32 can place: `cropPlaces` refuses others. @param box x1, y1, x2, y2 */
export function hasCrop([x1, y1, x2, y2]: Corners, { size = square, padding, steps }: CropShape = {}): boolean {
  try {
    cropPlaces([x1, y1, x2 - x1, y2 - y1], size, padding, steps);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const boxText = (boxesXywh: ArrayLike<number>, i: number): string =>
  [0, 1, 2, 3].map((k) => boxesXywh[4 * i + k]).join(', ');

type Middles = Pick<CropPlaces, 'centers' | 'sides'>;

/** Tells if the points of the matrix are apart in float32. */
function hasPlace(places: Middles, i: number): boolean {
  const { center, up, left } = points(places, i);
  return up.y < center.y && left.x < center.x;
}

/** The middle of a crop, the point half a width above it, and that point turned by 90 degrees. */
function points({ centers, sides }: Middles, i: number) {
  const x = centers[2 * i]!;
  const y = centers[2 * i + 1]!;
  const above = f32(y - sides[2 * i]! * 0.5);
  return { center: { x, y }, up: { x, y: above }, left: { x: f32(x - f32(y - above)), y: above } };
}

/** The middle of a crop, the point half a width left of it, and that point turned by 90 degrees. */
function points1x({ centers, sides }: Middles, i: number) {
  const x = centers[2 * i]!;
  const y = centers[2 * i + 1]!;
  const left = f32(x - sides[2 * i]! * 0.5);
  return { center: { x, y }, left: { x: left, y }, below: { x: left, y: f32(y + f32(x - left)) } };
}

/**
 * Returns the affine matrix (a, b, c, d, e, f) of a crop from the image to the input: x' = a x + b y + c, y' = d x + e y + f. Without
 * UDP the scale comes from the width alone, and the middle goes to (width / 2, height / 2) of the input.
 *
 * @param size of the network's input
 * @param steps those by which the places were made
 */
export function cropMatrix(
  places: CropPlaces,
  i: number,
  size: Size,
  udp = false,
  steps: CropSteps = '0x',
): Float64Array {
  if (udp) return udpMatrix(places, i, size);
  const middle = { x: size.width / 2, y: size.height / 2 };
  if (steps === '1x') {
    const { center, left, below } = points1x(places, i);
    return solveAffine([center, left, below], [middle, { x: 0, y: middle.y }, { x: 0, y: f32(middle.y + middle.x) }]);
  }
  const { center, up, left } = points(places, i);
  const top = { x: middle.x, y: f32(middle.y - middle.x) };
  const corner = { x: 0, y: top.y };
  return solveAffine([center, up, left], [middle, top, corner]);
}

/** UDP's matrix: both scales, between the middles of the corner pixels. Its numbers are rounded to float32. */
function udpMatrix({ centers, sides }: Middles, i: number, { height, width }: Size): Float64Array {
  const [sideX, sideY] = [sides[2 * i]!, sides[2 * i + 1]!];
  const a = (width - 1) / sideX;
  const e = (height - 1) / sideY;
  const c = a * (-centers[2 * i]! + 0.5 * sideX);
  const f = e * (-centers[2 * i + 1]! + 0.5 * sideY);
  return Float64Array.from([a, 0, c, 0, e, f], f32);
}

interface Point {
  readonly x: number;
  readonly y: number;
}
type Three = readonly [Point, Point, Point];

/**
 * Returns the matrix that maps three points as `cv2.getAffineTransform` does, to the last bit: Gaussian elimination with row
 * exchanges of the six equations. The closed form is simpler, but where a coordinate of a crop lies between two 1024ths of a pixel,
 * the last bit decides: of boxes with such corners, every 70th had other bytes.
 */
function solveAffine(from: Three, to: Three): Float64Array {
  const rows = from.flatMap(({ x, y }, k) => [
    [x, y, 1, 0, 0, 0, to[k]!.x],
    [0, 0, 0, x, y, 1, to[k]!.y],
  ]);
  for (let i = 0; i < 6; i++) {
    let pivot = i;
    for (let j = i + 1; j < 6; j++) if (Math.abs(rows[j]![i]!) > Math.abs(rows[pivot]![i]!)) pivot = j;
    const row = rows[pivot]!;
    rows[pivot] = rows[i]!;
    rows[i] = row;
    const factor = -1 / row[i]!;
    for (const below of rows.slice(i + 1)) {
      const alpha = below[i]! * factor;
      for (let k = i + 1; k < 7; k++) below[k] = below[k]! + alpha * row[k]!;
    }
  }
  const matrix = new Float64Array(6);
  for (let i = 5; i >= 0; i--) {
    const row = rows[i]!;
    let sum = row[6]!;
    for (let k = i + 1; k < 6; k++) sum -= row[k]! * matrix[k]!;
    matrix[i] = sum / row[i]!;
  }
  return matrix;
}
