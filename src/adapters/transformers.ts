import * as z from 'zod/mini';
import { ConfigError } from '../errors.ts';
import type { ImageRef } from '../platform/contract.ts';
import { decodeBitmap } from '../postprocess/rle.ts';
import { checkDetection, classPixels, nameOf, withoutTask } from '../results/fields.ts';
import type { Result } from '../results/result.ts';
import { foundIn, validateOptions } from '../validate.ts';
import type { Predicts } from './predicts.ts';

/** The shapes of the pipelines of @huggingface/transformers 4. */

/** An entry of the output of `object-detection`. */
export interface DetectedBox {
  score: number;
  label: string;
  /** Whole pixels of the image, or shares of its size from 0 to 1 with `percentage`. */
  box: { xmin: number; ymin: number; xmax: number; ymax: number };
}

/** The fields of a `RawImage` of one channel: `new RawImage(data, width, height, channels)` makes one of them. */
export interface RawMask {
  /** 255 where the mask is set, 0 elsewhere; height × width, row by row. */
  data: Uint8ClampedArray;
  width: number;
  height: number;
  channels: 1;
}

/** An entry of the output of `image-segmentation`. */
export interface Segment {
  /** null for a class of a segmentation. */
  score: number | null;
  label: string;
  mask: RawMask;
}

/** An entry of the output of `image-classification`. */
export interface ClassScore {
  label: string;
  score: number;
}

/** Options of the pipeline `object-detection`. */
export interface ObjectDetectionOptions {
  /** Scores are at least this. By default 0.9. */
  readonly threshold?: number | undefined;
  /** Boxes as shares of the image's size, from 0 to 1. By default in whole pixels. */
  readonly percentage?: boolean | undefined;
}

/** Options of the pipeline `image-segmentation`. */
export interface ImageSegmentationOptions {
  /** Scores of instances are at least this. By default 0.5. */
  readonly threshold?: number | undefined;
  /** Instances with their masks, or the class of each pixel. By default instances if the result has masks. */
  readonly subtask?: 'instance' | 'semantic' | undefined;
}

/** Options of the pipeline `image-classification`. */
export interface ImageClassificationOptions {
  /** The most classes. By default 5; 0 for all that the result has. */
  readonly top_k?: number | undefined;
}

const share = z.optional(z.number().check(z.minimum(0), z.maximum(1)));
const detectionOptions = z.strictObject({
  threshold: share,
  percentage: z.optional(z.boolean()),
} satisfies Record<keyof ObjectDetectionOptions, z.ZodMiniType>);
const segmentationOptions = z.strictObject({
  threshold: share,
  subtask: z.optional(z.enum(['instance', 'semantic'])),
} satisfies Record<keyof ImageSegmentationOptions, z.ZodMiniType>);
const classificationOptions = z.strictObject({
  top_k: z.optional(z.int().check(z.minimum(0))),
} satisfies Record<keyof ImageClassificationOptions, z.ZodMiniType>);

/**
 * Returns the instances of a result as the pipeline `object-detection` does, best first.
 *
 * @throws ConfigError for an unknown or wrong option, RangeError if detection did not run
 */
export function toObjectDetection(result: Result, options: ObjectDetectionOptions = {}): DetectedBox[] {
  const { threshold = 0.9, percentage = false } = validateOptions(detectionOptions, options, 'toObjectDetection');
  checkDetection(result);
  const { height, width } = result.imageSize;
  const [across, down] = percentage ? [(x: number) => x / width, (y: number) => y / height] : [Math.trunc, Math.trunc];
  return [...result]
    .filter(({ score }) => score >= threshold)
    .map(({ box: [x1, y1, x2, y2], name, score }) => ({
      score,
      label: name,
      box: { xmin: across(x1), ymin: down(y1), xmax: across(x2), ymax: down(y2) },
    }));
}

/**
 * Returns the masks of a result as the pipeline `image-segmentation` does: of instances, best first, or of the classes of a segmentation,
 * the lowest label first. Masks of instances may overlap.
 *
 * @throws ConfigError for an unknown or wrong option, RangeError if the result has no masks of the kind
 */
export function toImageSegmentation(result: Result, options: ImageSegmentationOptions = {}): Segment[] {
  const { threshold = 0.5, subtask } = validateOptions(segmentationOptions, options, 'toImageSegmentation');
  if ((subtask ?? (result.masks ? 'instance' : 'semantic')) === 'semantic') {
    if (!result.segmentation) throw withoutTask('segmentation');
    return classPixels(result.segmentation, result.imageSize).map(({ name, rle }) => ({
      score: null,
      label: name,
      mask: rawMask(decodeBitmap(rle), result),
    }));
  }
  if (!result.masks) throw new RangeError('this result has no masks of instances: its model gives none.');
  return [...result].flatMap(({ score, name, mask }) =>
    mask && score >= threshold ? [{ score, label: name, mask: rawMask(mask.toBitmap(), result) }] : [],
  );
}

function rawMask(bitmap: Uint8Array, { imageSize: { height, width } }: Result): RawMask {
  const data = new Uint8ClampedArray(bitmap.length);
  for (let i = 0; i < data.length; i++) data[i] = 255 * bitmap[i]!;
  return { data, width, height, channels: 1 };
}

/**
 * Returns the classes of an image as the pipeline `image-classification` does, best first. A result has those that `predict` was asked for
 * by `top`.
 *
 * @throws ConfigError for an unknown or wrong option, RangeError if classification did not run
 */
export function toImageClassification(result: Result, options: ImageClassificationOptions = {}): ClassScore[] {
  const { top_k = 5 } = validateOptions(classificationOptions, options, 'toImageClassification');
  if (!result.classification) throw withoutTask('classification');
  const { labels, scores, classes } = result.classification;
  return Array.from(labels.subarray(0, top_k || undefined), (label, i) => ({
    label: nameOf(classes, label),
    score: scores[i] ?? 0,
  }));
}

/** A function like a pipeline, of one image. */
export interface PipelineOf<Options, Output> {
  (image: ImageRef, options?: Options): Promise<Output>;
  /** Disposes the model. */
  dispose(): Promise<void>;
}

/** What `pipeline` returns for `object-detection`. */
export type ObjectDetector = PipelineOf<ObjectDetectionOptions, DetectedBox[]>;
/** What `pipeline` returns for `image-segmentation`. */
export type ImageSegmenter = PipelineOf<ImageSegmentationOptions, Segment[]>;
/** What `pipeline` returns for `image-classification`. */
export type ImageClassifier = PipelineOf<ImageClassificationOptions, ClassScore[]>;

/**
 * Returns a function that is called as the pipeline of this name is. It takes a loaded model in place of a model's name.
 *
 * @throws ConfigError for another task
 */
export function pipeline(task: 'object-detection', model: Predicts): ObjectDetector;
export function pipeline(task: 'image-segmentation', model: Predicts): ImageSegmenter;
export function pipeline(task: 'image-classification', model: Predicts): ImageClassifier;
export function pipeline(
  task: keyof typeof pipelines,
  model: Predicts,
): ObjectDetector | ImageSegmenter | ImageClassifier {
  if (Object.hasOwn(pipelines, task)) return pipelines[task](model);
  throw new ConfigError(`pipeline: the task must be ${Object.keys(pipelines).join(', ')}, got ${foundIn(task)}.`);
}

const pipelines = {
  'object-detection': (model: Predicts): ObjectDetector =>
    withDispose(model, async (image, options = {}) => {
      const { threshold = 0.9 } = validateOptions(detectionOptions, options, 'object-detection');
      return toObjectDetection(await model.predict(image, { score: threshold, only: 'detection' }), options);
    }),
  'image-segmentation': (model: Predicts): ImageSegmenter =>
    withDispose(model, async (image, options = {}) => {
      const { threshold = 0.5, subtask } = validateOptions(segmentationOptions, options, 'image-segmentation');
      // without a subtask the model decides by what it has
      const only = subtask && ({ instance: 'detection', semantic: 'segmentation' } as const)[subtask];
      return toImageSegmentation(await model.predict(image, { score: threshold, only }), options);
    }),
  'image-classification': (model: Predicts): ImageClassifier =>
    withDispose(model, async (image, options = {}) => {
      const { top_k = 5 } = validateOptions(classificationOptions, options, 'image-classification');
      const top = top_k || 2 ** 20;
      return toImageClassification(await model.predict(image, { top, only: 'classification' }), options);
    }),
} as const;

const withDispose = <Options, Output>(
  model: Predicts,
  call: (image: ImageRef, options?: Options) => Promise<Output>,
): PipelineOf<Options, Output> => Object.assign(call, { dispose: () => model.dispose() });
