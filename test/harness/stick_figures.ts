import { poseDatasetOf } from '../../src/datasets/index.ts';
import { randomFrom } from '../../src/evaluate/random.ts';
import type { Raster } from '../../src/image/raster.ts';

/**
 * Pictures of people drawn with lines, and where their joints are: what the small pose model in `samples/weights` was trained on, and
 * finds. A seed gives the same picture on every machine.
 */

/** A person of a picture. */
export interface StickFigure {
  /** x1, y1, x2, y2 around all that is drawn of the person, in pixels. */
  readonly box: readonly [number, number, number, number];
  /** (x, y) of each of COCO's 17 keypoints. The middle of the first pixel is (0, 0). */
  readonly joints: readonly Point[];
}

export interface StickScene {
  readonly image: Raster;
  readonly people: readonly StickFigure[];
}

export interface SceneOptions {
  readonly width?: number;
  readonly height?: number;
  /** By default 3. */
  readonly people?: number;
  /** Between which heights people are, as shares of the picture's height. By default from 0.35 to 0.8. */
  readonly tallness?: readonly [least: number, most: number];
}

type Point = readonly [x: number, y: number];
type Color = readonly [red: number, green: number, blue: number];

const { names, skeleton } = poseDatasetOf({ dataset: 'coco_keypoints' }).keypoints;

/** Draws people side by side, in front of lines and patches that belong to nobody. */
export function stickScene(
  seed: number,
  { width = 320, height = 240, people = 3, tallness: [least, most] = [0.35, 0.8] }: SceneOptions = {},
): StickScene {
  const random = randomFrom(seed);
  const between = (low: number, high: number) => low + ((high - low) * random(1 << 20)) / (1 << 20);
  const image: Raster = { width, height, data: new Uint8ClampedArray(4 * width * height) };
  paintBackground(image, between);
  const drawn: StickFigure[] = [];
  for (let i = 0; i < people; i++) {
    const tall = Math.min(between(least, most) * height, (1.5 * width) / people);
    const x = (width * (i + between(0.4, 0.6))) / people;
    const y = between(0.52 * tall, Math.max(0.52 * tall, height - 0.52 * tall));
    drawn.push(paintFigure(image, jointsOf([x, y], tall, between), tall, between));
  }
  return { image, people: drawn };
}

type Between = (low: number, high: number) => number;

/** Returns the point at a distance, in a direction that is measured from straight down towards the right of the picture. */
const from = ([x, y]: Point, degrees: number, distance: number): Point => {
  const angle = (degrees * Math.PI) / 180;
  return [x + distance * Math.sin(angle), y + distance * Math.cos(angle)];
};

/** Makes up a person who faces us, so that their left is on the right of the picture. */
function jointsOf([x, y]: Point, tall: number, between: Between): Point[] {
  const lean = between(-12, 12);
  const pelvis: Point = [x, y + 0.02 * tall];
  const neck = from(pelvis, 180 - lean, 0.3 * tall);
  const head = from(neck, 180 - lean + between(-15, 15), 0.11 * tall);
  const turned = between(-0.02, 0.02) * tall;
  const tilt = between(-10, 10);
  const onHead = (right: number, down: number): Point => from(from(head, 90 + tilt, right * tall), tilt, down * tall);
  const found = new Map<string, Point>([['nose', onHead(turned / tall, 0.01)]]);
  for (const [side, sign] of [
    ['left', 1],
    ['right', -1],
  ] as const) {
    // biome-ignore format: two sides
    const shoulder = from(neck, sign * 90 + lean, 0.1 * tall);
    const hip = from(pelvis, sign * 90 + lean, 0.06 * tall);
    const arm = between(-10, 140);
    const elbow = from(shoulder, sign * arm, 0.16 * tall);
    const leg = between(-8, 40);
    const knee = from(hip, sign * leg, 0.23 * tall);
    found.set(`${side}_eye`, onHead(sign * 0.028 + turned / tall, -0.02));
    found.set(`${side}_ear`, onHead(sign * 0.068, -0.005));
    found.set(`${side}_shoulder`, shoulder);
    found.set(`${side}_elbow`, elbow);
    found.set(`${side}_wrist`, from(elbow, sign * (arm + between(-60, 80)), 0.15 * tall));
    found.set(`${side}_hip`, hip);
    found.set(`${side}_knee`, knee);
    found.set(`${side}_ankle`, from(knee, sign * (leg + between(-40, 10)), 0.22 * tall));
  }
  return names.map((name) => found.get(name) ?? [Number.NaN, Number.NaN]);
}

function paintBackground({ width, height, data }: Raster, between: Between): void {
  const [a, b] = [colorOf(between, 90, 230), colorOf(between, 90, 230)];
  const waves = [0, 1].map(() => [between(-0.015, 0.015), between(-0.015, 0.015), between(0, 2)] as const);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const wave = waves.reduce((sum, [u, v, phase]) => sum + triangle(u * x + v * y + phase), 0) / 2;
      for (let k = 0; k < 3; k++) data[at++] = a[k]! + (b[k]! - a[k]!) * wave;
      data[at++] = 255;
    }
  }
  const canvas = { width, height, data };
  for (let i = 0; i < 8; i++) {
    const start: Point = [between(0, width), between(0, height)];
    const end = from(start, between(0, 360), between(0.05, 0.4) * height);
    paintLine(canvas, start, end, between(1, 0.03 * height), colorOf(between, 60, 250), between(0.3, 1));
  }
}

/** A wave between 0 and 1 without a function that machines may round differently. */
const triangle = (value: number): number => Math.abs(2 * (value - Math.floor(value)) - 1);

const colorOf = (between: Between, low: number, high: number): Color => [
  between(low, high),
  between(low, high),
  between(low, high),
];

const dark: Color = [25, 25, 30];
const bright: Color = [250, 250, 245];
const skin: Color = [235, 195, 165];

/** Draws a person: trunk and limbs in one dark colour, a head with a face, and joints as bright dots. */
function paintFigure(image: Raster, joints: readonly Point[], tall: number, between: Between): StickFigure {
  const color = colorOf(between, 20, 130);
  const joint = (name: string): Point => joints[names.indexOf(name)]!;
  const middle = (a: Point, b: Point): Point => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const limb = 0.035 * tall;
  const neck = middle(joint('left_shoulder'), joint('right_shoulder'));
  const head = middle(joint('left_ear'), joint('right_ear'));
  paintLine(image, neck, middle(joint('left_hip'), joint('right_hip')), 0.09 * tall, color);
  paintLine(image, neck, head, limb, skin);
  const isOfBody = (k: number) => !/nose|eye|ear/.test(names[k]!);
  for (const [a, b] of skeleton) {
    if (isOfBody(a) && isOfBody(b)) paintLine(image, joints[a]!, joints[b]!, limb, color);
  }
  paintDisc(image, head, 0.07 * tall, skin);
  for (const [k, point] of joints.entries()) {
    const name = names[k]!;
    if (isOfBody(k)) paintDisc(image, point, 0.02 * tall, bright);
    else paintDisc(image, point, (name === 'nose' ? 0.014 : 0.012) * tall, name.endsWith('ear') ? color : dark);
  }
  const edge = (axis: 0 | 1, side: 1 | -1): number =>
    side * Math.max(...joints.map((point) => side * point[axis]), side * head[axis] + 0.07 * tall);
  return { joints, box: [edge(0, -1), edge(1, -1), edge(0, 1), edge(1, 1)] };
}

const paintDisc = (image: Raster, middle: Point, radius: number, color: Color): void =>
  paintLine(image, middle, middle, 2 * radius, color);

/** Draws a line with round ends. A pixel is covered as far as its middle lies inside the edge. */
function paintLine(
  { width, height, data }: Raster,
  [ax, ay]: Point,
  [bx, by]: Point,
  thickness: number,
  color: Color,
  opacity = 1,
): void {
  const radius = thickness / 2;
  const [dx, dy] = [bx - ax, by - ay];
  const square = dx * dx + dy * dy;
  const first = (a: number, b: number) => Math.max(0, Math.floor(Math.min(a, b) - radius - 1));
  const last = (a: number, b: number, extent: number) => Math.min(extent - 1, Math.ceil(Math.max(a, b) + radius + 1));
  for (let y = first(ay, by); y <= last(ay, by, height); y++) {
    for (let x = first(ax, bx); x <= last(ax, bx, width); x++) {
      const along = square === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / square));
      const [px, py] = [x - ax - along * dx, y - ay - along * dy];
      const cover = opacity * Math.min(1, Math.max(0, radius + 0.5 - Math.sqrt(px * px + py * py)));
      if (cover === 0) continue;
      const at = 4 * (y * width + x);
      for (let k = 0; k < 3; k++) data[at + k] = data[at + k]! + (color[k]! - data[at + k]!) * cover;
    }
  }
}
