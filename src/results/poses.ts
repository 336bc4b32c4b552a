import type { Size } from '../arrays.ts';
import type { KeypointSet, PoseDataset } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import { type FoundPoses, takePoses } from '../postprocess/found_poses.ts';
import { foundIn, isObject } from '../values.ts';

/** One keypoint of a pose. */
export interface Keypoint {
  readonly name: string;
  /** Pixels of the image: the middle of its first pixel is (0, 0). */
  readonly x: number;
  readonly y: number;
  /** The peak of its heatmap. It is not a probability: it may be above 1 or below 0. */
  readonly score: number;
}

/** What was found in one box. */
export interface Pose {
  /** Its index in the result that it comes from. */
  readonly index: number;
  /** The class of what has these keypoints. */
  readonly name: string;
  readonly score: number;
  /** x1, y1, x2, y2 in pixels of the image: where the pose was looked for. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  /** In the order of the model's keypoints. */
  readonly keypoints: readonly Keypoint[];
}

/** The poses of one image as arrays, with the names of their keypoints. */
export interface PoseFields extends FoundPoses {
  /** Names the keypoints, and what has them. */
  readonly dataset: PoseDataset;
}

/** The poses of one image: in the order of the boxes that were given, or best first if similar ones were dropped. */
export class Poses implements PoseFields, Iterable<Pose> {
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly points: Float32Array;
  readonly pointScores: Float32Array;
  readonly dataset: PoseDataset;

  /** Returns the poses themselves if they are such already. */
  static from(fields: PoseFields): Poses {
    return fields instanceof Poses ? fields : new Poses(fields);
  }

  /** @throws ConfigError if the arrays do not fit together, or hold a number that is not finite */
  constructor(fields: PoseFields) {
    checkFields(fields);
    this.boxes = fields.boxes;
    this.scores = fields.scores;
    this.points = fields.points;
    this.pointScores = fields.pointScores;
    this.dataset = fields.dataset;
  }

  /** Names, skeleton, pairs of left and right, and constants of the keypoints. */
  get keypoints(): KeypointSet {
    return this.dataset.keypoints;
  }

  /** The name of each keypoint. */
  get names(): readonly string[] {
    return this.keypoints.names;
  }

  /** Pairs of keypoints that a drawing joins. */
  get skeleton(): KeypointSet['skeleton'] {
    return this.keypoints.skeleton;
  }

  /** Number of poses. */
  get length(): number {
    return this.scores.length;
  }

  /** @throws RangeError if there is no pose `i` */
  at(i: number): Pose {
    const score = this.scores[i];
    if (score === undefined) throw new RangeError(`there is no pose ${i}: the result has ${this.length}.`);
    const { names, points, pointScores, boxes, dataset } = this;
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.subarray(4 * i, 4 * i + 4);
    const keypoints = names.map((name, k) => {
      const at = i * names.length + k;
      return { name, x: points[2 * at]!, y: points[2 * at + 1]!, score: pointScores[at]! };
    });
    return { index: i, name: dataset.classes[0] ?? 'person', score, box: [x1, y1, x2, y2], keypoints };
  }

  /**
   * Returns the poses for which `keep` is true, in their order.
   *
   * @throws ConfigError if `keep` is not a function
   */
  filter(keep: (pose: Pose, i: number) => boolean): Poses {
    if (typeof keep !== 'function') throw new ConfigError(`filter takes a function of a pose, got ${foundIn(keep)}.`);
    const kept = [...this].flatMap((pose, i) => (keep(pose, i) ? [i] : []));
    return new Poses({ ...takePoses(this, kept), dataset: this.dataset });
  }

  /** The poses, in their order. */
  *[Symbol.iterator](): Generator<Pose> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }
}

/** Tells if a keypoint counts as seen: in the image, its edges included, with at least a score. Scores are float32. */
export function isSeen({ x, y, score }: Keypoint, { width, height }: Size, least: number): boolean {
  const isInside = x >= -0.5 && y >= -0.5 && x <= width - 0.5 && y <= height - 0.5;
  return isInside && score >= Math.fround(least);
}

/** @throws ConfigError if the arrays do not fit together, or hold a number that is not finite */
function checkFields(fields: unknown): void {
  const { boxes, scores, points, pointScores, dataset } = (isObject(fields) ? fields : {}) as Partial<PoseFields>;
  const { names, skeleton, flipPairs } = dataset?.keypoints ?? {};
  const arrays = { boxes, scores, points, pointScores };
  const isWhole = [dataset?.classes, names, skeleton, flipPairs].every(Array.isArray);
  const areTyped = Object.values(arrays).every((values) => ArrayBuffer.isView(values));
  const perPose = names?.length ?? 0;
  const n = scores?.length ?? -1;
  const fits = boxes?.length === 4 * n && points?.length === 2 * n * perPose && pointScores?.length === n * perPose;
  if (!isWhole || !areTyped || perPose === 0 || !fits) {
    throw new ConfigError(
      'poses are { boxes (4·n numbers), scores (n), points (2·n·keypoints), pointScores (n·keypoints), dataset (classes, and keypoints with ' +
        `names, skeleton and flipPairs) } of Float32Arrays, got ${areTyped ? '' : 'other arrays, '}${boxes?.length} numbers of boxes, ` +
        `${scores?.length} scores, ${points?.length} numbers of points, ${pointScores?.length} scores of points, and ${perPose} keypoints.`,
    );
  }
  const isKeypoint = (k: unknown) => Number.isInteger(k) && names?.[k as number] !== undefined;
  const pairs: readonly unknown[] = [...(skeleton ?? []), ...(flipPairs ?? [])];
  const stray = pairs.findIndex((pair) => !(Array.isArray(pair) && pair.length === 2 && pair.every(isKeypoint)));
  if (stray >= 0) {
    throw new ConfigError(
      `poses: skeleton and flipPairs are pairs of keypoints from 0 to ${perPose - 1}, got ${foundIn(pairs[stray])}.`,
    );
  }
  for (const [what, values] of Object.entries(arrays)) {
    const at = values?.findIndex((value) => !Number.isFinite(value)) ?? -1;
    if (at >= 0) throw new ConfigError(`poses have finite numbers, got ${what}[${at}] ${values?.[at]}.`);
  }
}
