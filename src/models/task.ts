import { type Named, type NDArray, type Size, scaledEdge } from '../arrays.ts';
import type { Dataset, PoseDataset } from '../datasets/index.ts';
import { ConfigError, unknownName } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import { batchInputs, type PadValue, type Prepared } from '../image/preprocess.ts';
import type { Raster } from '../image/raster.ts';
import type { DeviceTensor, Part, Scope, Value } from '../nn/index.ts';
import { takeBoxes } from '../postprocess/boxes.ts';
import type { Detections } from '../postprocess/detections.ts';
import type { FoundPoses } from '../postprocess/found_poses.ts';
import type { Window } from '../postprocess/windows.ts';
import type { Pause, Sliced } from '../slices.ts';
import type { BoxesOption } from './boxes.ts';
import type { TileOptions, Tiling } from './tiles.ts';

/** The tasks of models. The same words name configuration keys, options, timings and JSON keys. */
export type TaskKind = 'detection' | 'segmentation' | 'classification' | 'pose' | 'custom';

/** Values of one call that differ from the configuration. */
export interface TaskOptions {
  /** Keep instances, or poses, with at least this score. */
  readonly score?: number | undefined;
  /** Drop the worse of two boxes of a class if their IoU is larger. */
  readonly iou?: number | undefined;
  /** Keep at most this many instances per image, the best of `classes`; or the best poses. */
  readonly max?: number | undefined;
  /** Include a pixel in an instance's mask from this probability on. */
  readonly maskThreshold?: number | undefined;
  /** Keep instances of these classes only, by name or label. */
  readonly classes?: readonly (string | number)[] | undefined;
  /** Number of classes that a classification returns. By default 5. */
  readonly top?: number | undefined;
  /**
   * Cut a large image into overlapping tiles, run each as an image of its own and join what they show: details keep their pixels. The
   * edge of a tile in pixels of the image, or more about it. Replaces `segmentation.slide` of the configuration. By default the image
   * runs whole.
   */
  readonly tiles?: number | TileOptions | undefined;
  /**
   * Also run the image mirrored from left to right, and merge the findings (test-time augmentation). By default false; for poses, of which
   * each crop is mirrored, the configuration says.
   */
  readonly flip?: boolean | undefined;
  /**
   * Run the image at several scales and merge the findings: 1 is the size that the image is fitted to without this, 0.5 half of its edges.
   * With `flip`, each of them is run mirrored, too.
   */
  readonly scales?: readonly number[] | undefined;
  /**
   * Where a pose model looks for poses: the boxes of people, as a detector's result has them, or as lists (x1, y1, x2, y2) in pixels of the
   * image. By default the whole image is one box.
   */
  readonly boxes?: BoxesOption | undefined;
  /**
   * Drop the worse of two poses whose object keypoint similarity is larger, and return them best first. By default there is a pose for every
   * box, in the order of the boxes.
   */
  readonly oks?: number | undefined;
}

/** The least factor of `scales`; the largest is its inverse. */
export const leastScale = 0.1;

/** The most scales of one call. The outputs of all views are kept until they are merged. */
export const mostScales = 8;

/** The shortest edge of a tile: a shorter one shows nothing, and there would be endless many. */
export const leastTile = 32;

/** Checks that the options ask for one view. @throws ConfigError naming what takes one view at a time, if the options ask for several */
export function refuseViews(what: string, options: TaskOptions): void {
  if (augmentationsOf(options).length === 1) return;
  throw new ConfigError(
    `${what} takes one view of an image at a time. Leave out \`flip\`, and give at most one of \`scales\`.`,
  );
}

/** One form in which an image is run. */
export interface Augmentation {
  readonly scale: number;
  readonly flipped: boolean;
}

/** Returns the views of an image in mmdet's order: scale by scale, each as it is and then mirrored. */
export function augmentationsOf({ flip = false, scales = [1] }: TaskOptions): Augmentation[] {
  return scales.flatMap((scale) => [{ scale, flipped: false }, ...(flip ? [{ scale, flipped: true }] : [])]);
}

/** Images as a network takes them, and the way back to their pixels. */
export interface Inputs {
  readonly image: NDArray; // (images, channels, height, width)
  /** One per image. Classification has none: nothing is mapped back. */
  readonly geometries: readonly Geometry[];
  /** Returns a window of the only image. If it is there, `image` is large, and made when it is first asked for. */
  readonly cut?: ((window: Window) => NDArray) | undefined;
}

/** Runs one of the model's parts. */
export type RunPart = (part: string, inputs: Named<NDArray | DeviceTensor>) => Promise<Named<DeviceTensor>>;

/** The input of `Task.predict`: the prepared images, and functions that run the network on them. */
export interface TaskInputs extends Inputs {
  /** Returns the outputs of the part `features` for the whole input. The first call runs it. The caller of `predict` frees them. */
  features(): Promise<Named<DeviceTensor>>;
  readonly run: RunPart;
  /**
   * Says that the task runs and reads no more, so that the network can run another image while this one is finished. Tensors of
   * `features` are freed. A task that does not say it is done when it returns.
   */
  networkDone(): Promise<void>;
  /**
   * Gives the thread back to timers and clicks if a few milliseconds have passed since the last time, and then rejects with the reason of
   * an abort. Undefined if nothing is due. Long arithmetic awaits it after every few thousand steps.
   */
  readonly pause: Pause;
}

/** The input of `Task.predictViews` for one view of an image: a batch of one. `networkDone` says that the task reads no more of this view. */
export interface View extends TaskInputs {
  /** The image is mirrored from left to right; the padding is still right and below. */
  readonly flipped: boolean;
}

/** Class indices of every pixel, row by row. Bytes up to 256 classes. */
export type Labels = Uint8Array | Uint16Array;

/** The most likely classes of an image, best first. */
export interface Classification {
  readonly labels: Int32Array;
  /** Softmax over all classes of the model. */
  readonly scores: Float32Array;
}

/** The fields that one task adds to the result of one image. */
export interface TaskResult {
  readonly detections?: Detections & { readonly dataset: Dataset };
  readonly segmentation?: { readonly labels: Labels; readonly dataset: Dataset };
  readonly classification?: Classification & { readonly dataset: Dataset };
  readonly poses?: FoundPoses & { readonly dataset: PoseDataset };
  /** The return value of a custom head's `decode`. */
  readonly custom?: unknown;
}

/** What a task does with the tiles of one image. */
export interface TiledRun {
  /** The task also wants a pass over the whole image, before the tiles. */
  readonly takesWhole: boolean;
  /** Takes what the network gives for the whole image, or for the next tile. */
  add(inputs: TaskInputs, part: Window): Promise<void>;
  /** Returns the result in pixels of the image, after the last tile. */
  finish(pause: Pause): Promise<TaskResult>;
}

/** What a task does with the boxes of one image. */
export interface CropRun {
  readonly count: number;
  /** How many crops the network takes at a time. */
  readonly together: number;
  /** Cuts the boxes from `from` to before `to` out of the image. */
  cut(from: number, to: number): Sliced<Inputs>;
  /** Reads what the network gives for these crops, and needs it no more. */
  read(inputs: TaskInputs): Promise<NDArray>;
  /** Takes what was read for the crops from `from` to before `to`. */
  add(outputs: NDArray, from: number, to: number): Sliced<void>;
  /** Returns the result in pixels of the image, after the last crop. */
  finish(): Sliced<TaskResult>;
}

/** Everything that a model knows about a head. `Model.predict` loops over tasks and knows none of them by name. */
export type Task = ImageTask | CropTask;

/** What all tasks have. */
interface AnyTask {
  readonly kind: TaskKind;
  /** Undefined for a custom head that does not name its classes. */
  readonly dataset: Dataset | undefined;
  /** First names of the task's state-dict keys: `neck`, `decode_head`, … Two tasks of a model share none. */
  readonly modules: readonly string[];
  /** Records the task's layers on the pyramid, into the part `features`. Not called if there is `onImage`. */
  forward(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  /** Records backbone and task together. Classification needs this: its pyramid may differ from that of dense models. */
  onImage?(scope: Scope, image: Value): { readonly pyramid: readonly Value[]; readonly outputs: Named<Value> };
  /** Further parts that `predict` runs by name. */
  readonly parts: readonly Part[];
  /** Records a head on the pyramid that inference does not need: it is in the checkpoint for training. */
  auxiliary?(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  /**
   * Turns images into the network's input. The first task of a model prepares for all of them.
   *
   * @param scale factor of the edges that images are fitted between, by default 1
   */
  prepare(images: readonly Raster[], size: Size | undefined, scale?: number): Sliced<Inputs>;
  /** Checks the options, and the size that the call asks for, before anything runs. @throws ConfigError if one does not fit this task */
  check?(options: TaskOptions, size?: Size): void;
}

/** A task that sees images. */
export interface ImageTask extends AnyTask {
  readonly inCrops?: undefined;
  /** Begins to join the tiles of one image. A task without it sees an image whole. */
  inTiles?(image: Size, options: TaskOptions, tiling: Tiling): Promise<TiledRun>;
  /** Returns one result per image, in pixels of the original image, with instances and classes best first. */
  predict(inputs: TaskInputs, options: TaskOptions): Promise<TaskResult[]>;
  /** Merges what several views of one image give to one result. A task without it takes one view at a time. */
  predictViews?(views: readonly View[], options: TaskOptions): Promise<TaskResult>;
}

/** A task that sees boxes cut out of the image: it shares a model with no other. */
export interface CropTask extends AnyTask {
  readonly inTiles?: undefined;
  /**
   * Begins with the boxes of one image; without any, the whole image is one.
   *
   * @param size of the crops instead of the configuration's
   */
  inCrops(image: Raster, size: Size | undefined, options: TaskOptions): Promise<CropRun>;
}

/** The longest edge of an input, in pixels. The pixels of larger ones do not fit into one array. */
export const longestEdge = 16_384;

/** Two edges in pixels that an image is fitted between, and the value of the padding. */
interface Fit {
  readonly scale: readonly [number, number];
  readonly padValue?: PadValue | undefined;
}

/** @throws ConfigError if an edge that images are fitted to is longer than `longestEdge` */
export function checkEdges(edges: readonly number[]): void {
  if (Math.max(...edges) <= longestEdge) return;
  throw new ConfigError(
    `an image is fitted between edges of at most ${longestEdge} pixels, got ${edges.join('×')}. Ask for smaller edges, or configure a smaller input.scale.`,
  );
}

/**
 * Prepares images one by one and pads them to a common size.
 *
 * @param fit the field `input` of the configuration
 * @param prepare fits one image into `scale` and pads it
 * @param size edges to fit between instead of the configuration's
 * @param scale factor of these edges
 * @throws ConfigError if an edge to fit between is longer than `longestEdge`
 */
export function* fitImages<F extends Fit>(
  images: readonly Raster[],
  fit: F,
  size: Size | undefined,
  prepare: (image: Raster, fit: F) => Sliced<Prepared>,
  scale = 1,
): Sliced<Inputs> {
  const whole = size ? ([size.width, size.height] as const) : fit.scale;
  const edges = [scaledEdge(whole[0], scale), scaledEdge(whole[1], scale)] as const;
  checkEdges(edges);
  const prepared: Prepared[] = [];
  for (const image of images) prepared.push(yield* prepare(image, { ...fit, scale: edges }));
  const [first, ...others] = prepared;
  if (first && others.length === 0) {
    return {
      get image() {
        return first.input;
      },
      geometries: [first.geometry],
      cut: first.cut,
    };
  }
  const { input, padded } = yield* batchInputs(
    prepared.map((one) => one.input),
    1,
    fit.padValue,
  );
  return { image: input, geometries: prepared.map(({ geometry }) => ({ ...geometry, padded })) };
}

/**
 * Returns the labels of classes given by name or label. Two classes may have one name, as the cranes of ImageNet: both are meant.
 *
 * @throws ConfigError naming an unknown class and the nearest known one
 */
export function labelsOf(classes: readonly (string | number)[], names: readonly string[]): ReadonlySet<number> {
  return new Set(
    classes.flatMap((one) => {
      const labels = [...names.keys()].filter((label) => label === one || names[label] === one);
      if (labels.length === 0) throw new ConfigError(unknownName('class', `${one}`, names));
      return labels;
    }),
  );
}

/** Returns the instances with the given labels in their order, or all of them if no labels are given. */
export function ofLabels<T extends Detections>(found: T, labels: ReadonlySet<number> | undefined): T {
  if (!labels) return found;
  const kept = [...found.labels].flatMap((label, i) => (labels.has(label) ? i : []));
  return pickDetections(found, kept);
}

/** Returns the instances with the given indices, in that order. */
export function pickDetections<T extends Detections>(found: T, kept: readonly number[]): T {
  const { boxes, scores, labels, masks } = found;
  return {
    ...found,
    boxes: takeBoxes(boxes, Uint32Array.from(kept)),
    scores: Float32Array.from(kept, (i) => scores[i]!),
    labels: Int32Array.from(kept, (i) => labels[i]!),
    masks: masks && kept.flatMap((i) => masks[i] ?? []),
  };
}

/** Reads tensors back from the device, by name. */
export async function readAll(tensors: Named<DeviceTensor>): Promise<Named<NDArray>> {
  const entries = Object.entries(tensors).map(async ([name, tensor]) => [name, await tensor.read()] as const);
  return Object.fromEntries(await Promise.all(entries));
}

/** Reads all or some of the tensors of a call, and frees all of them, also if one cannot be read. */
export async function readAndFree<T>(
  tensors: Named<DeviceTensor>,
  read: (tensors: Named<DeviceTensor>) => Promise<T>,
): Promise<T> {
  try {
    return await read(tensors);
  } finally {
    for (const tensor of Object.values(tensors)) tensor.dispose();
  }
}

/** Returns a list as a `Named` record, since parts take and give values by name: `fpn` and three values give `{ fpn0, fpn1, fpn2 }`. */
export function named<T>(prefix: string, list: readonly T[]): Named<T> {
  return Object.fromEntries(list.map((value, i) => [`${prefix}${i}`, value]));
}

/** Reads the outputs `name0`, `name1`, … of that many levels. */
export function readLevels(features: Named<DeviceTensor>, name: string, levels: number): Promise<NDArray[]> {
  return Promise.all(Array.from({ length: levels }, (_, i) => byName(features, `${name}${i}`).read()));
}

/** Returns an input or output of a part. @throws RangeError if there is none of this name: part and task do not belong together */
export function byName<T>(values: Named<T>, name: string): T {
  const value = values[name];
  if (value === undefined) throw new RangeError(`no "${name}" among ${Object.keys(values).join(', ')}`);
  return value;
}
