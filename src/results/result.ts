import * as z from 'zod/mini';
import type { Size } from '../arrays.ts';
import type { Dataset } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import { classShares } from '../render/index.ts';
import { foundIn, isObject, validateOptions } from '../validate.ts';
import { type CocoResult, cocoResults } from './coco.ts';
import { checkUsed, drawResult, type RenderOptions, renderOptions } from './drawing.ts';
import {
  type Classification,
  Instance,
  instancesOf,
  nameOf,
  type Origin,
  type ResultFields,
  type Segmentation,
  type Speed,
  type Timings,
  withoutTask,
} from './fields.ts';
import { type JsonOptions, type ResultJson, resultJson } from './json.ts';
import { type LabelmeFile, type LabelmeOptions, labelmeFile } from './labelme.ts';
import { Mask } from './mask.ts';
import { Pixels } from './pixels.ts';
import { instancePng, labelPng } from './png.ts';
import { type Pose, Poses } from './poses.ts';
import { type YoloOptions, yoloText } from './yolo.ts';

/** A function without options refuses them. */
type NoOptions = Readonly<Record<string, never>>;
const noOptions = z.strictObject({});

const tolerance = z.optional(z.number().check(z.minimum(0)));

const jsonOptions = z.strictObject({ timings: z.optional(z.boolean()) } satisfies Record<
  keyof JsonOptions,
  z.ZodMiniType
>);

const labelmeOptions = z.strictObject({
  imagePath: z.string("must be the path of the image, as in { imagePath: 'house.jpg' }"),
  imageData: z.optional(z.string('must be the image file as base64')),
  tolerance,
  pointScore: z.optional(z.number()),
} satisfies Record<keyof LabelmeOptions, z.ZodMiniType>);

const yoloOptions = z.strictObject({
  segments: z.optional(z.boolean()),
  tolerance,
  scores: z.optional(z.boolean()),
  pointScore: z.optional(z.number()),
} satisfies Record<keyof YoloOptions, z.ZodMiniType>);

const cocoOptions = z.strictObject({
  imageId: z.union([z.string(), z.number()], "must be the image's id in the data set, as in { imageId: 42 }"),
});

/** Checks what a caller makes a result of. */
function checkFields({ boxes, scores, labels, masks, classes, image }: ResultFields): void {
  const n = scores?.length;
  const fits = boxes?.length === 4 * n && labels?.length === n && (masks === undefined || masks.length >= n);
  if (fits && Array.isArray(classes) && isObject(image)) {
    checkInstances({ boxes, scores, labels });
    return;
  }
  throw new ConfigError(
    'a result is { boxes (4·n numbers), scores (n), labels (n), masks (n, or none), classes (names by label), image, timings }, got ' +
      `${boxes?.length} numbers of boxes, ${n} scores, ${labels?.length} labels, ${masks?.length ?? 'no'} masks, ` +
      `classes ${foundIn(classes)}, image ${isObject(image) ? 'given' : foundIn(image)}.`,
  );
}

/** Checks that every instance can be written: JSON has no NaN, and a file of labels no class below 0. @throws ConfigError */
function checkInstances({ boxes, scores, labels }: Pick<ResultFields, 'boxes' | 'scores' | 'labels'>): void {
  for (const [what, values] of Object.entries({ boxes, scores })) {
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at >= 0) throw new ConfigError(`a result has finite numbers, got ${what}[${at}] ${values[at]}.`);
  }
  const negative = labels.findIndex((label) => label < 0);
  if (negative >= 0)
    throw new ConfigError(`a result has labels from 0 on, got labels[${negative}] ${labels[negative]}.`);
}

/** What a model found in one image: typed arrays in pixels of the image, and the forms that people use. */
export class Result<Custom = unknown> implements ResultFields<Custom>, Iterable<Instance> {
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks?: readonly Mask[] | undefined;
  readonly classes: readonly string[];
  readonly dataset?: Dataset | undefined;
  readonly segmentation?: Segmentation | undefined;
  readonly classification?: Classification | undefined;
  readonly poses?: Poses | undefined;
  readonly custom?: Custom | undefined;
  readonly image: Raster;
  readonly timings: Timings;
  readonly origin?: Origin | undefined;

  /** @throws ConfigError if the arrays of instances, or their classes, are missing or do not fit together */
  constructor(fields: ResultFields<Custom>) {
    checkFields(fields);
    this.boxes = fields.boxes;
    this.scores = fields.scores;
    this.labels = fields.labels;
    this.masks = fields.masks?.map((mask) => Mask.from(mask));
    this.classes = fields.classes;
    this.dataset = fields.dataset;
    this.segmentation = fields.segmentation;
    this.classification = fields.classification;
    this.poses = fields.poses && Poses.from(fields.poses);
    this.custom = fields.custom;
    this.image = fields.image;
    this.timings = fields.timings;
    this.origin = fields.origin;
  }

  /** Sentences about what is unusual in the image's file; empty if there is nothing to say. */
  get notices(): readonly string[] {
    return this.image.notices ?? [];
  }

  /** Number of instances. */
  get length(): number {
    return this.scores.length;
  }

  /** The name of each instance, parallel to `boxes`, `scores` and `labels`. `classes` has all classes of the detector. */
  get names(): readonly string[] {
    return Array.from(this.labels, (label) => nameOf(this.classes, label));
  }

  /** How many instances of each class there are, by name, in the order in which the classes first occur. */
  get counts(): Readonly<Record<string, number>> {
    const counts = new Map<string, number>();
    for (const name of this.names) counts.set(name, (counts.get(name) ?? 0) + 1);
    return Object.fromEntries(counts);
  }

  /** The share of the image, 0 to 1, of each class of the segmentation that occurs, by name, the largest first. */
  get shares(): Readonly<Record<string, number>> {
    if (!this.segmentation) return {};
    const { labels, classes } = this.segmentation;
    const shares = new Map<string, number>();
    for (const { name, share } of classShares(labels, classes)) shares.set(name, (shares.get(name) ?? 0) + share);
    return Object.fromEntries([...shares].sort(([, a], [, b]) => b - a));
  }

  /** Milliseconds of each stage. `timings` has them by part and task. */
  get speed(): Speed {
    const { decode = 0, preprocess = 0, network = 0, postprocess = 0 } = this.timings;
    return { decode, preprocess, inference: network, postprocess };
  }

  get imageSize(): Size {
    return { height: this.image.height, width: this.image.width };
  }

  /** @throws RangeError if there is no instance `i` */
  at(i: number): Instance {
    return new Instance(this, i);
  }

  /** The instances, best first. */
  [Symbol.iterator](): Iterator<Instance> {
    return instancesOf(this);
  }

  /**
   * Returns a result with the instances for which `keep` is true. What the other tasks found stays; see `filterPoses`.
   *
   * @throws ConfigError if `keep` is not a function
   */
  filter(keep: (instance: Instance, i: number) => boolean): Result<Custom> {
    if (typeof keep !== 'function')
      throw new ConfigError(`filter takes a function of an instance, got ${foundIn(keep)}.`);
    const { boxes, scores, labels, masks } = this;
    const kept = [...this].flatMap((instance, i) => (keep(instance, i) ? [i] : []));
    const isKept = new Set(kept);
    return new Result({
      ...this,
      boxes: Float32Array.from(kept.flatMap((i) => [...boxes.subarray(4 * i, 4 * i + 4)])),
      scores: scores.filter((_, i) => isKept.has(i)),
      labels: labels.filter((_, i) => isKept.has(i)),
      masks: masks?.filter((_, i) => isKept.has(i)),
    });
  }

  /**
   * Returns a result with the poses for which `keep` is true. What the other tasks found stays.
   *
   * @throws ConfigError if `keep` is not a function, RangeError if pose did not run
   */
  filterPoses(keep: (pose: Pose, i: number) => boolean): Result<Custom> {
    if (!this.poses) throw withoutTask('pose');
    return new Result({ ...this, poses: this.poses.filter(keep) });
  }

  /** Cuts instance `i` out of the image: RGBA, transparent outside its mask (or its box, if there is no mask). */
  crop(i: number): Pixels {
    return this.at(i).crop();
  }

  /**
   * Draws what was found on a copy of the image. A segmentation takes `palette`, `maskOpacity`, `contourOpacity` and the options of
   * text, a classification those of text, a pose all but those of masks, a detection all but `pointScore`, `pointRadius`,
   * `poseColors` and `poseOpacity`.
   *
   * @throws ConfigError for an unknown or impossible option, or one that nothing of `draw` uses; RangeError if a task that is to be drawn did not run
   */
  render(options: RenderOptions = {}): Pixels {
    const checked = validateOptions(renderOptions, options, 'render');
    const { draw, ...others } = checked;
    if (draw !== undefined) checkUsed(others, [draw].flat());
    return new Pixels(drawResult(this, checked));
  }

  /**
   * Returns plain data for JSON: instances, each class of a segmentation with its share and mask, the most likely classes of the
   * image, poses with names and skeleton of their keypoints; timings if asked for. docs/results.md describes every field. Takes no
   * options from `JSON.stringify`, which passes a key.
   *
   * @throws ConfigError for an unknown option
   */
  toJSON(options: JsonOptions | string = {}): ResultJson {
    return resultJson(this, typeof options === 'string' ? {} : validateOptions(jsonOptions, options, 'toJSON'));
  }

  /**
   * Returns the instances in COCO's results format: boxes as x, y, width, height; labels as the data set's category ids. A result with
   * poses gives these instead, as x, y and score of each keypoint.
   *
   * @throws ConfigError for an unknown or missing option, RangeError if neither pose nor detection ran
   */
  toCOCO(options: { readonly imageId: number | string }): CocoResult[] {
    const { imageId } = validateOptions(cocoOptions, options ?? {}, 'toCOCO');
    return cocoResults(this, imageId);
  }

  /**
   * Returns a file for labelme: instances as polygons, or rectangles if there are no masks; the classes of a segmentation if
   * detection did not run. A result with poses gives these instead: the box of each, and its keypoints.
   *
   * @throws ConfigError for an unknown or missing option, RangeError if neither pose nor detection nor segmentation ran
   */
  toLabelme(options: LabelmeOptions): LabelmeFile {
    return labelmeFile(this, validateOptions(labelmeOptions, options ?? {}, 'toLabelme'));
  }

  /**
   * Returns the instances as YOLO's text: a line each, boxes or outlines, as fractions of the image. A result with poses gives these
   * instead: the box of each, and its keypoints.
   *
   * @throws ConfigError for an unknown option, RangeError if neither pose nor detection ran, or if outlines are asked for and the model gives no
   *   masks
   */
  toYOLO(options: YoloOptions = {}): string {
    return yoloText(this, validateOptions(yoloOptions, options, 'toYOLO'));
  }

  /**
   * Returns the segmentation as a PNG of labels, in the data set's colours up to 255 classes; 0 is the first class.
   *
   * @throws RangeError if segmentation did not run, ConfigError for an option: there are none
   */
  toLabelPng(options: NoOptions = {}): Uint8Array {
    validateOptions(noOptions, options, 'toLabelPng');
    if (!this.segmentation) throw withoutTask('segmentation');
    return labelPng(this.segmentation, this.imageSize);
  }

  /**
   * Returns all masks as one PNG: 0 no instance, 1 the first, the better one on top.
   *
   * @throws RangeError if detection did not run, or if the model gives no masks, ConfigError for an option: there are none
   */
  toInstancePng(options: NoOptions = {}): Uint8Array {
    validateOptions(noOptions, options, 'toInstancePng');
    return instancePng(this);
  }
}
