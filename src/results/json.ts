import type { Size } from '../arrays.ts';
import type { KeypointSet } from '../datasets/index.ts';
import {
  type Classification,
  classPixels,
  hasDetection,
  type Instance,
  instancesOf,
  nameOf,
  type Origin,
  type ResultFields,
  type Segmentation,
  type Timings,
} from './fields.ts';
import { type RleText, rleText } from './mask.ts';
import { type Pose, Poses } from './poses.ts';

/** The version of this package. A constant, since a bundle has no package.json, or another one. A test compares the two. */
export const version = '0.1.0';

/** Version of the JSON form of results. It grows when a field changes its name or meaning; see docs/results.md. */
export const resultSchema = 2;

/** What the JSON form holds beside the findings. */
export interface JsonOptions {
  /** Milliseconds of each step. */
  readonly timings?: boolean | undefined;
}

/** A result as plain data: coordinates in pixels of the image, masks as COCO run lengths. */
export interface ResultJson extends Partial<Origin> {
  readonly schema: typeof resultSchema;
  /** Version of this package. */
  readonly moganet: string;
  readonly image: Size;
  /** Sentences about what is unusual in the image's file. Absent if there is nothing to say. */
  readonly notices?: readonly string[] | undefined;
  /** Absent if detection did not run. So are the other tasks. */
  readonly detection?: readonly InstanceJson[] | undefined;
  readonly segmentation?: readonly SegmentJson[] | undefined;
  readonly classification?: readonly ClassJson[] | undefined;
  readonly pose?: readonly PoseJson[] | undefined;
  /** What a drawing of the poses needs to know; absent without `pose`. */
  readonly keypoints?: KeypointsJson | undefined;
  readonly timings?: Timings | undefined;
}

export interface InstanceJson extends Omit<Instance, 'index' | 'mask' | 'crop'> {
  /** Pixels of the mask. */
  readonly area?: number | undefined;
  readonly mask?: RleText | undefined;
}

/** One class of a segmentation. */
export interface SegmentJson {
  readonly label: number;
  readonly name: string;
  readonly pixels: number;
  /** Share of the image, 0 to 1. */
  readonly share: number;
  readonly mask: RleText;
}

export interface ClassJson {
  readonly label: number;
  readonly name: string;
  readonly score: number;
}

/** One pose. The middle of the first pixel is (0, 0). */
export type PoseJson = Omit<Pose, 'index'>;

/** The keypoints of every pose of a result. Indices count from 0, in the order of the keypoints of a pose. */
export type KeypointsJson = Pick<KeypointSet, 'names' | 'skeleton' | 'flipPairs'>;

/** A result as plain data. Timings only if asked for, so that two runs write the same bytes. */
export function resultJson(result: ResultFields, { timings = false }: JsonOptions = {}): ResultJson {
  const { origin, image, segmentation, classification } = result;
  const poses = result.poses && Poses.from(result.poses);
  const { height, width, notices = [] } = image;
  return {
    schema: resultSchema,
    moganet: version,
    ...origin,
    image: { height, width },
    notices: notices.length > 0 ? notices : undefined,
    detection: hasDetection(result) ? Array.from(instancesOf(result), instanceJson) : undefined,
    segmentation: segmentation && segmentationJson(segmentation, image),
    classification: classification && classificationJson(classification),
    pose: poses && Array.from(poses, poseJson),
    keypoints: poses && keypointsJson(poses),
    timings: timings ? result.timings : undefined,
  };
}

const instanceJson = ({ index: _, mask, ...instance }: Instance): InstanceJson => ({
  ...instance,
  area: mask?.area,
  mask: mask?.toRle(),
});

const segmentationJson = (segmentation: Segmentation, { height, width }: Size): SegmentJson[] =>
  classPixels(segmentation, { height, width }).map(({ rle, ...one }) => ({
    ...one,
    share: one.pixels / (height * width),
    mask: rleText(rle),
  }));

const classificationJson = ({ labels, scores, classes }: Classification): ClassJson[] =>
  Array.from(labels, (label, i) => ({ label, name: nameOf(classes, label), score: scores[i]! }));

const poseJson = ({ index: _, ...pose }: Pose): PoseJson => pose;

const keypointsJson = ({ keypoints: { names, skeleton, flipPairs } }: Poses): KeypointsJson => ({
  names,
  skeleton,
  flipPairs,
});
