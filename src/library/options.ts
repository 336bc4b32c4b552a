import * as z from 'zod/mini';
import { type Size, sizeOf } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import { type Boxes, readBoxes } from '../models/boxes.ts';
import { leastScale, leastTile, longestEdge, mostScales, type TaskKind, type TaskOptions } from '../models/task.ts';
import type { TileOptions } from '../models/tiles.ts';
import { abortSignal, isObject, validateOptions } from '../validate.ts';

/** Checks the arguments of callers: JavaScript lets everything pass, and TypeScript whatever comes from JSON. */

/** Values of one prediction that differ from the configuration. */
export interface PredictOptions extends TaskOptions {
  /** Fit the image between these edges instead of the configuration's. For classification the crop, which is square. */
  readonly size?: Size | undefined;
  /** Run this task of a model that has several, and skip the work for the others. */
  readonly only?: TaskKind | undefined;
  /**
   * Stops the work with the signal's reason, at the latest before the next part of the model. TensorFlow.js's engines, which compute on
   * the caller's thread (`model.engine.blocking`), stop between two operations of the network; with an engine that has a thread of
   * its own the call rejects at once.
   */
  readonly signal?: AbortSignal | undefined;
  /** The most pixels (width × height) that an image file may declare. By default 2^26, 67 megapixels. */
  readonly maxPixels?: number | undefined;
}

/** Options of `predictBatch`. */
export interface BatchOptions extends PredictOptions {
  /**
   * Pad each image to the largest and run all as one batch, as mmdet and mmseg do. The padding reaches into the features, so numbers differ
   * a little from those of `predict`. By default only images whose inputs have one size run together.
   */
  readonly padTogether?: boolean | undefined;
}

/** Options of `features`. */
export type FeaturesOptions = Pick<PredictOptions, 'size' | 'signal' | 'maxPixels'>;

const fromZeroToOne = 'must be a number from 0 to 1';
const share = z.number({ error: fromZeroToOne }).check(z.minimum(0, fromZeroToOne), z.maximum(1, fromZeroToOne));
const atLeastOne = 'must be a whole number of at least 1';
const count = z.int({ error: atLeastOne }).check(z.minimum(1, atLeastOne));
const wholeEdge = `must be a whole number from 1 to ${longestEdge}`;
const edge = z.int({ error: wholeEdge }).check(z.minimum(1, wholeEdge), z.maximum(longestEdge, wholeEdge));
const size = z.strictObject(
  { height: edge, width: edge },
  { error: ({ code }) => (code === 'invalid_type' ? 'must be { height, width } in whole pixels' : undefined) },
);
const nameOrLabel = 'must be the name of a class, or its label from 0 on';
const classOf = z.union([z.string(), z.int().check(z.minimum(0, nameOrLabel))], { error: nameOrLabel });

const scale = z
  .number({ error: 'must be a number' })
  .check(
    z.gte(leastScale, `must be at least ${leastScale}`),
    z.lte(1 / leastScale, `must be at most ${1 / leastScale}`),
  );
const fewScales = `must be a list of 1 to ${mostScales} factors, such as [0.75, 1, 1.25]`;
const scales = z
  .array(scale, { error: fewScales })
  .check(z.minLength(1, fewScales), z.maxLength(mostScales, fewScales));
const tileEdge = `must be a whole number of pixels from ${leastTile} to ${longestEdge}`;
const tilePixels = z.int({ error: tileEdge }).check(z.minimum(leastTile, tileEdge), z.maximum(longestEdge, tileEdge));
const tileSize = z.union([tilePixels, z.strictObject({ height: tilePixels, width: tilePixels })]);
const mostOverlap = 'must be a number from 0 to 0.9';
const overlap = z.number({ error: mostOverlap }).check(z.minimum(0, mostOverlap), z.maximum(0.9, mostOverlap));
const tiles = z.union([
  tilePixels,
  z.strictObject({
    size: tileSize,
    overlap: z.optional(overlap),
    whole: z.optional(z.boolean({ error: 'must be true or false' })),
    edges: z.optional(z.enum(['drop', 'keep'])),
    merge: z.optional(z.enum(['nms', 'ios'])),
    iou: z.optional(share),
    blend: z.optional(z.enum(['mean', 'hann'])),
  } satisfies Record<keyof TileOptions, z.ZodMiniType>),
]);

const boxes = z.pipe(
  z.unknown(),
  z.transform((value, context): Boxes => {
    const read = readBoxes(value);
    if (typeof read !== 'string') return read;
    context.issues.push({ code: 'custom', message: read, input: value });
    return z.NEVER;
  }),
);

/** The schema of the options of `predict`. */
export const predictOptions = z.strictObject({
  score: z.optional(share),
  iou: z.optional(share),
  max: z.optional(count),
  maskThreshold: z.optional(share),
  top: z.optional(count),
  flip: z.optional(z.boolean({ error: 'must be true or false' })),
  scales: z.optional(scales),
  tiles: z.optional(tiles),
  classes: z.optional(z.array(classOf, { error: 'must be a list of names or labels' })),
  size: z.optional(size),
  boxes: z.optional(boxes),
  oks: z.optional(share.check(z.gt(0, 'must be above 0'))),
  only: z.optional(z.enum(['detection', 'segmentation', 'classification', 'pose', 'custom'])),
  maxPixels: z.optional(count),
  signal: z.optional(abortSignal),
} satisfies Record<keyof PredictOptions, z.ZodMiniType>);
/** The option that only `predictBatch` takes. */
export const batchOption = { padTogether: z.optional(z.boolean({ error: 'must be true or false' })) };
const batchOptions = z.extend(predictOptions, batchOption);
const featuresOptions = z.pick(predictOptions, { size: true, maxPixels: true, signal: true });

/**
 * Checks the options of `predict` and of the functions that take the same.
 *
 * @returns a copy, which the caller cannot change
 * @throws ConfigError naming an unknown option and the nearest known one, or a wrong value
 */
export const checkPredict = (options: unknown, call: string): PredictOptions =>
  validateOptions(predictOptions, options, call);

/** Checks the options of `predictBatch`. @returns a copy @throws ConfigError as `checkPredict` */
export const checkBatch = (options: unknown): BatchOptions => validateOptions(batchOptions, options, 'predictBatch');

/** Checks the options of `features`. @returns a copy @throws ConfigError as `checkPredict` */
export const checkFeatures = (options: unknown): FeaturesOptions =>
  validateOptions(featuresOptions, options, 'features');

const summaryOptions = z.strictObject({ size: z.optional(size), depth: z.optional(count) });

/** Checks the options of `modelSummary`. @throws ConfigError as `checkPredict` */
export const checkSummary = (options: unknown) => validateOptions(summaryOptions, options, 'modelSummary');

/** Checks the input of a backbone, N×C×H×W. @throws ConfigError */
export function checkMap(image: unknown): void {
  const { shape, data }: Partial<Record<PropertyKey, unknown>> = isObject(image) ? image : {};
  const fits =
    Array.isArray(shape) && shape.length === 4 && shape.every((extent) => Number.isInteger(extent) && extent > 0);
  if (!fits || !(data instanceof Float32Array)) {
    throw new ConfigError('an image for a backbone is { shape: [n, 3, height, width], data: Float32Array }.');
  }
  if (data.length === sizeOf(shape)) return;
  throw new ConfigError(`an array of shape [${shape.join(', ')}] has ${sizeOf(shape)} values, got ${data.length}.`);
}
