import * as z from 'zod/mini';
import { ConfigError, UnsupportedError } from '../errors.ts';
import { checkDetection, nameOf, withoutTask } from '../results/fields.ts';
import type { Result } from '../results/result.ts';
import { validateOptions } from '../validate.ts';

/** The shapes of results of @mediapipe/tasks-vision 0.10. */

export interface MediaPipeCategory {
  score: number;
  /** The label of the class, from 0 on without gaps. */
  index: number;
  categoryName: string;
  /** Empty: there are no translated names. */
  displayName: string;
}

/** `Detection` of MediaPipe. */
export interface MediaPipeDetection {
  categories: MediaPipeCategory[];
  /** In whole pixels of the image, towards 0 as there. */
  boundingBox: { originX: number; originY: number; width: number; height: number; angle: number };
  keypoints: { x: number; y: number; score: number; label: string }[];
}

/** `ObjectDetectorResult` of MediaPipe. */
export interface ObjectDetectorResult {
  detections: MediaPipeDetection[];
}

/** Options of MediaPipe's `ObjectDetector` and `ImageClassifier` that choose among what was found. */
export interface ClassifierOptions {
  /** Scores are at least this. By default all of the result. */
  readonly scoreThreshold?: number | undefined;
  /** By default, and if it is negative, all. */
  readonly maxResults?: number | undefined;
  readonly categoryAllowlist?: readonly string[] | undefined;
  readonly categoryDenylist?: readonly string[] | undefined;
}

/** `ImageClassifierResult` of MediaPipe. */
export interface ImageClassifierResult {
  classifications: { categories: MediaPipeCategory[]; headIndex: number; headName: string }[];
}

/** What `MPMask` of MediaPipe has without a graphics card. */
export interface CategoryMask {
  readonly width: number;
  readonly height: number;
  /** True: the labels are bytes. */
  hasUint8Array(): boolean;
  /** False: `getAsFloat32Array` makes a new array. */
  hasFloat32Array(): boolean;
  /** False: nothing is on a graphics card. */
  hasWebGLTexture(): boolean;
  /** The label of each pixel, row by row; 255 for a pixel without a class. */
  getAsUint8Array(): Uint8Array;
  /** The labels divided by 255, as in MediaPipe. */
  getAsFloat32Array(): Float32Array;
  /** Does nothing: the mask is in the memory of JavaScript. */
  close(): void;
}

/** `ImageSegmenterResult` of MediaPipe with its category mask. A result has no confidence masks: labels are decided when it is made. */
export interface ImageSegmenterResult {
  readonly confidenceMasks: undefined;
  readonly categoryMask: CategoryMask;
  readonly qualityScores: undefined;
  /** Does nothing, as `close` of the mask. */
  close(): void;
}

const names = z.optional(z.readonly(z.array(z.string())));
const classifierOptions = z.strictObject({
  scoreThreshold: z.optional(z.number()),
  maxResults: z.optional(z.int()),
  categoryAllowlist: names,
  categoryDenylist: names,
} satisfies Record<keyof ClassifierOptions, z.ZodMiniType>);

/**
 * Returns the instances of a result as `detect` of MediaPipe's `ObjectDetector` does, best first.
 *
 * @throws ConfigError for an unknown or wrong option, RangeError if detection did not run
 */
export function toObjectDetectorResult(result: Result, options: ClassifierOptions = {}): ObjectDetectorResult {
  const keep = chosenBy(options, 'toObjectDetectorResult');
  checkDetection(result);
  const detections = [...result].map(({ box: [x1, y1, x2, y2], label, name, score }) => ({
    categories: [categoryOf(label, name, score)],
    boundingBox: {
      originX: Math.trunc(x1),
      originY: Math.trunc(y1),
      width: Math.trunc(x2 - x1),
      height: Math.trunc(y2 - y1),
      angle: 0,
    },
    keypoints: [],
  }));
  return { detections: keep(detections, ({ categories: [category] }) => category) };
}

/**
 * Returns the classes of an image as `classify` of MediaPipe's `ImageClassifier` does, best first.
 *
 * @throws ConfigError for an unknown or wrong option, RangeError if classification did not run
 */
export function toImageClassifierResult(result: Result, options: ClassifierOptions = {}): ImageClassifierResult {
  const keep = chosenBy(options, 'toImageClassifierResult');
  if (!result.classification) throw withoutTask('classification');
  const { labels, scores, classes } = result.classification;
  const all = Array.from(labels, (label, i) => categoryOf(label, nameOf(classes, label), scores[i] ?? 0));
  return { classifications: [{ categories: keep(all, (category) => category), headIndex: 0, headName: '' }] };
}

/**
 * Returns the segmentation of a result as `segment` of MediaPipe's `ImageSegmenter` does with `outputCategoryMask`.
 *
 * @throws RangeError if segmentation did not run, UnsupportedError if there are more classes than a byte has labels
 */
export function toImageSegmenterResult(result: Result): ImageSegmenterResult {
  if (!result.segmentation) throw withoutTask('segmentation');
  const { labels } = result.segmentation;
  if (!(labels instanceof Uint8Array)) {
    throw new UnsupportedError(
      `toImageSegmenterResult: a category mask has a byte per pixel, and this model has ${result.segmentation.classes.length} ` +
        'classes. Read result.segmentation.labels.',
    );
  }
  const { height, width } = result.imageSize;
  const categoryMask: CategoryMask = {
    width,
    height,
    hasUint8Array: () => true,
    hasFloat32Array: () => false,
    hasWebGLTexture: () => false,
    getAsUint8Array: () => labels,
    getAsFloat32Array: () => Float32Array.from(labels, (label) => label / 255),
    close: () => undefined,
  };
  return { confidenceMasks: undefined, categoryMask, qualityScores: undefined, close: () => undefined };
}

const categoryOf = (index: number, categoryName: string, score: number): MediaPipeCategory => ({
  score,
  index,
  categoryName,
  displayName: '',
});

/** Returns the function that chooses among entries that are in order. @throws ConfigError for wrong options */
function chosenBy(options: ClassifierOptions, call: string) {
  const checked = validateOptions(classifierOptions, options, call);
  const {
    scoreThreshold = Number.NEGATIVE_INFINITY,
    maxResults = -1,
    categoryAllowlist = [],
    categoryDenylist = [],
  } = checked;
  if (categoryAllowlist.length > 0 && categoryDenylist.length > 0) {
    throw new ConfigError(`${call}: categoryAllowlist and categoryDenylist exclude each other. Give one of them.`);
  }
  const isChosen = ({ score, categoryName }: MediaPipeCategory) =>
    score >= scoreThreshold &&
    (categoryAllowlist.length === 0 || categoryAllowlist.includes(categoryName)) &&
    !categoryDenylist.includes(categoryName);
  return <T>(entries: readonly T[], categoryOf: (entry: T) => MediaPipeCategory | undefined): T[] =>
    entries
      .filter((entry) => {
        const category = categoryOf(entry);
        return category !== undefined && isChosen(category);
      })
      .slice(0, maxResults < 0 ? undefined : maxResults);
}
