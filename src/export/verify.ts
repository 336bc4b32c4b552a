import * as z from 'zod/mini';
import type { Named, NDArray, Weights } from '../arrays.ts';
import { CheckpointError, ConfigError, EngineError } from '../errors.ts';
import { openSafetensors, type Source } from '../formats/index.ts';
import type { Raster } from '../image/raster.ts';
import { modelLoader } from '../library/load.ts';
import type { PredictOptions } from '../library/options.ts';
import { fillParameters } from '../loading/fill.ts';
import { configKey } from '../loading/recognise.ts';
import { type ModelRef, readOptions } from '../loading/resolve.ts';
import { createModel, modelParameters } from '../models/create.ts';
import { type Engine, loadPart, type RecordedPart } from '../nn/index.ts';
import type { ImageRef, Platform, WeightsRef } from '../platform/contract.ts';
import { iouMatrix } from '../postprocess/boxes.ts';
import type { Result } from '../results/result.ts';
import { validateOptions } from '../validate.ts';
import { comparePoses, type ExpectedPoses, type PosesCheck, scoreTolerance } from './verify_poses.ts';

/** Compares the engines of this device with numbers of PyTorch: a small network's outputs, the demo model on an image, and a pose model. */

/** Files to compare with, as the package has them in `samples`. A browser is given their URLs, or their bytes. */
export interface VerifySamples {
  /** A small network, its input and PyTorch's outputs: `samples/verify/moganet_pico.safetensors`. */
  readonly numbers: WeightsRef;
  /** An image and what the reference finds in it with the demo model. Without it only the small network runs. */
  readonly image?:
    | {
        /** The demo model: `facade` in Node, its configuration and weights in a browser. */
        readonly model: ModelRef;
        /** `samples/images/street-house.jpg` */
        readonly file: ImageRef;
        /** `samples/verify/street-house.json` */
        readonly boxes: WeightsRef;
        /** `samples/verify/street-house.png` */
        readonly labels: WeightsRef;
      }
    | undefined;
  /** A pose model, an image and the keypoints in its heatmaps by PyTorch. Without it no poses are found. */
  readonly poses?:
    | {
        /** `samples/poses/stick-figures.safetensors` as `{ weights }` */
        readonly model: ModelRef;
        /** `samples/poses/stick-figures.png` */
        readonly file: ImageRef;
        /** `samples/verify/stick-figures.json` */
        readonly keypoints: WeightsRef;
      }
    | undefined;
}

/** What to check, and listeners. */
export interface VerifyOptions {
  /** Default: all engines of the platform, the preferred one first. */
  readonly engines?: readonly string[] | undefined;
  /** Engines among these that shall not run, each with the reason. */
  readonly exclude?: Readonly<Record<string, string>> | undefined;
  /** True for an engine that runs the images as well as the small network. By default all do, if `samples` has images. */
  readonly image?: ((engine: string) => boolean) | undefined;
  /** Default in Node: those of the package. */
  readonly samples?: VerifySamples | undefined;
  /** Called before each check. */
  readonly onProgress?: ((engine: string, what: 'numbers' | 'image' | 'poses') => void) | undefined;
  /** Called with the check of each engine, as soon as it is known. */
  readonly onCheck?: ((check: EngineCheck) => void) | undefined;
  /** Its abort ends the work: the engine that runs, and those that follow, are "not run". */
  readonly signal?: AbortSignal | undefined;
}

/** What `verify` finds about one engine. */
export interface EngineCheck {
  readonly engine: string;
  /** `unsupported`: it does not start here. `excluded`: the caller left it out. `not run`: an abort came before its end. */
  readonly status: 'passed' | 'failed' | 'unsupported' | 'excluded' | 'not run';
  /** Threads, device. */
  readonly detail?: string | undefined;
  /** Why it is unsupported, excluded, was not run, or could not run to the end. */
  readonly reason?: string | undefined;
  readonly numbers?: NumbersCheck | undefined;
  /** Absent if `image` was false for the engine, or `samples` has none. */
  readonly image?: ImageCheck | undefined;
  /** Likewise. */
  readonly poses?: PosesCheck | undefined;
}

/** The outputs of the small network against PyTorch's. */
export interface NumbersCheck {
  readonly passed: boolean;
  /** The output that is nearest to its tolerance, or furthest beyond it. */
  readonly output: string;
  readonly maxError: number;
  readonly tolerance: number;
  readonly milliseconds: number;
}

/** What the demo model finds in the image, against the reference. */
export interface ImageCheck {
  readonly passed: boolean;
  readonly file: string;
  /** Number of expected detections. */
  readonly expected: number;
  /** How many of them were found: same class, score within 0.002, IoU of 0.99 or more. */
  readonly found: number;
  /** Detections that the reference does not have. */
  readonly additional: number;
  readonly pixels: number;
  /** Pixels whose class differs from the reference's: `uncertainPixels` at most may. */
  readonly differentPixels: number;
  readonly uncertainPixels: number;
  /** From the file to the result. */
  readonly milliseconds: number;
}

export type Verify = (options?: VerifyOptions) => Promise<EngineCheck[]>;

/** `verify` where the package's files have no URL: in a browser. */
export type VerifyWith = (options: VerifyOptions & { readonly samples: VerifySamples }) => Promise<EngineCheck[]>;

/** Returns the check of a platform's engines. It reports an engine that does not start or fails, and does not throw. */
export function verifier(platform: Platform, shipped: VerifySamples): Verify;
export function verifier(platform: Platform): VerifyWith;
export function verifier(platform: Platform, shipped?: VerifySamples): Verify {
  const load = modelLoader(platform);
  return async (options = {}) => {
    validateOptions(verifyOptions, options, 'verify');
    const { engines = platform.engines, exclude = {}, image = () => true, onProgress, onCheck, signal } = options;
    const samples = options.samples ?? shipped;
    if (!samples) {
      throw new ConfigError(
        'options of verify: samples: in a browser the files of the package have no URL. Serve them and give ' +
          '{ numbers: url of samples/verify/moganet_pico.safetensors }.',
      );
    }
    const golden = await readNumbers(platform, samples.numbers);
    const expected = samples.image && (await readExpected(platform, samples.image));
    const poses = samples.poses && (await readPoses(platform, samples.poses.keypoints));
    const checks: EngineCheck[] = [];
    for (const name of engines) {
      const found = await check(name);
      checks.push(found);
      onCheck?.(found);
    }
    return checks;

    async function check(name: string): Promise<EngineCheck> {
      const excluded = Object.hasOwn(exclude, name) ? exclude[name] : undefined;
      if (excluded !== undefined) return { engine: name, status: 'excluded', reason: excluded };
      if (signal?.aborted) return { engine: name, status: 'not run', reason: reasonOf(signal) };
      let engine: Engine;
      try {
        engine = await platform.openEngine(name, {});
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        return { engine: name, status: 'unsupported', reason: error.message };
      }
      const { detail } = engine;
      try {
        onProgress?.(name, 'numbers');
        const numbers = await compareNumbers(engine, golden, signal);
        let found: EngineCheck = { engine: name, status: 'passed', detail, numbers };
        const runsImages = image(name);
        if (runsImages && samples?.image && expected) {
          onProgress?.(name, 'image');
          const result = await resultOf(name, samples.image, {});
          found = { ...found, image: compareImage(result, expected) };
        }
        if (runsImages && samples?.poses && poses) {
          onProgress?.(name, 'poses');
          const result = await resultOf(name, samples.poses, { boxes: poses.poses.map(({ box }) => box) });
          found = { ...found, poses: comparePoses(result, poses) };
        }
        return { ...found, status: statusOf(numbers, found.image, found.poses) };
      } catch (error) {
        if (signal?.aborted) return { engine: name, status: 'not run', detail, reason: reasonOf(signal) };
        if (!(error instanceof EngineError)) throw error;
        return { engine: name, status: 'failed', detail, reason: error.message };
      } finally {
        await engine.dispose();
      }
    }

    async function resultOf(
      engine: string,
      { model: ref, file }: { readonly model: ModelRef; readonly file: ImageRef },
      options: PredictOptions,
    ): Promise<Result> {
      const model = await load(ref, { engine, signal });
      try {
        return await model.predict(file, { ...options, signal });
      } finally {
        await model.dispose();
      }
    }
  };
}

const reasonOf = ({ reason }: AbortSignal): string => (reason instanceof Error ? reason.message : String(reason));

const call = z.custom((value) => typeof value === 'function', { error: 'must be a function' });
const given = z.custom((value) => value !== undefined && value !== null, {
  error: 'must be a URL or the bytes of a file',
});
const verifyOptions = z.strictObject({
  engines: z.optional(z.array(z.string(), { error: 'must be a list of names of engines' })),
  exclude: z.optional(z.record(z.string(), z.string(), { error: 'must give the reason of each engine by its name' })),
  image: z.optional(call),
  samples: z.optional(
    z.strictObject({
      numbers: given,
      image: z.optional(z.strictObject({ model: given, file: given, boxes: given, labels: given })),
      poses: z.optional(z.strictObject({ model: given, file: given, keypoints: given })),
    }),
  ),
  onProgress: z.optional(call),
  onCheck: z.optional(call),
  signal: readOptions.shape.signal,
});

const statusOf = (...checks: readonly ({ readonly passed: boolean } | undefined)[]) =>
  checks.every((check) => check?.passed !== false) ? 'passed' : 'failed';

/** The small network and PyTorch's outputs. */
interface GoldenNumbers {
  readonly part: RecordedPart;
  readonly weights: Weights;
  readonly image: NDArray;
  readonly outputs: readonly { readonly output: string; readonly expected: NDArray; readonly tolerance: number }[];
}

const samplePrefix = 'verify.';

async function readNumbers(platform: Platform, ref: WeightsRef): Promise<GoldenNumbers> {
  return withSource(platform, ref, async (source) => {
    const { tensors, metadata } = await openSafetensors(source);
    const definition = createModel(JSON.parse(metadata[configKey] ?? 'null'));
    const weights = await fillParameters(modelParameters(definition), tensors, {
      file: source.name,
      ignore: (key) => key.startsWith(samplePrefix),
    });
    const stored = (name: string) => {
      const entry = tensors.get(samplePrefix + name);
      if (entry) return entry.readFloat32();
      throw new CheckpointError(`${source.name}: there is no ${samplePrefix}${name}. Install the package again.`);
    };
    const tolerances: Named<number> = JSON.parse(metadata['moganet.tolerances'] ?? '{}');
    const outputs = Object.entries(tolerances).map(async ([output, tolerance]) => ({
      output,
      expected: await stored(output),
      tolerance,
    }));
    return {
      part: definition.parts.features!,
      weights,
      image: await stored('image'),
      outputs: await Promise.all(outputs),
    };
  });
}

/** Runs twice: the first run compiles and warms up, the second is timed. */
async function compareNumbers(
  engine: Engine,
  { part, weights, image, outputs }: GoldenNumbers,
  signal: AbortSignal | undefined,
): Promise<NumbersCheck> {
  const runner = await loadPart(engine, part, weights);
  const run = async (): Promise<ReadonlyMap<string, NDArray>> => {
    const found = new Map<string, NDArray>();
    for (const [name, tensor] of Object.entries(await runner.run({ image }, undefined, signal))) {
      found.set(name, await tensor.read());
      tensor.dispose();
    }
    return found;
  };
  try {
    await run();
    const start = performance.now();
    const found = await run();
    const milliseconds = performance.now() - start;
    const errors = outputs.map(({ output, expected, tolerance }) => ({
      output,
      maxError: largestError(found.get(output), expected),
      tolerance,
    }));
    const ratio = (error: (typeof errors)[number]) => error.maxError / error.tolerance;
    const worst = errors.reduce((a, b) => (ratio(b) > ratio(a) ? b : a));
    return { passed: worst.maxError <= worst.tolerance, ...worst, milliseconds };
  } finally {
    runner.dispose();
  }
}

/** Infinite if values are missing or not numbers. */
function largestError(found: NDArray | undefined, expected: NDArray): number {
  if (found?.data.length !== expected.data.length) return Number.POSITIVE_INFINITY;
  return expected.data.reduce((max, value, i) => {
    const error = Math.abs(found.data[i]! - value);
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(max, error);
  }, 0);
}

/** What the reference finds in the image. */
export interface ExpectedImage {
  readonly file: string;
  /** Best first, down to a little below `leastScore`. */
  readonly detections: readonly ExpectedDetection[];
  /** The class of a pixel is its red value. */
  readonly labels: Raster;
  /** Number of pixels whose two best classes are so near that rounding may exchange them. */
  readonly uncertainPixels: number;
}

interface ExpectedDetection {
  readonly label: number;
  readonly score: number;
  /** x1, y1, x2, y2 in pixels of the image. */
  readonly box: readonly number[];
}

async function readExpected(platform: Platform, image: NonNullable<VerifySamples['image']>): Promise<ExpectedImage> {
  const boxes = JSON.parse(await textOf(platform, image.boxes));
  return { ...boxes, labels: await platform.decodeImage(await bytesOf(platform, image.labels), 'label map') };
}

const readPoses = async (platform: Platform, keypoints: WeightsRef): Promise<ExpectedPoses> =>
  JSON.parse(await textOf(platform, keypoints));

const bytesOf = (platform: Platform, ref: WeightsRef) =>
  withSource(platform, ref, (source) => source.read(0, source.size));

const textOf = async (platform: Platform, ref: WeightsRef): Promise<string> =>
  new TextDecoder().decode(await bytesOf(platform, ref));

const leastScore = 0.3;
const leastIou = 0.99;

/** Compares a result with the reference's. */
export function compareImage(result: Result, expected: ExpectedImage): ImageCheck {
  const { file, detections, labels: map, uncertainPixels } = expected;
  const all = [...result];
  const sure = detections.filter(({ score }) => score >= leastScore);
  const isAmong = (one: ExpectedDetection, others: readonly ExpectedDetection[]) =>
    others.some((other) => isSame(one, other));
  const found = sure.filter((one) => isAmong(one, all)).length;
  const additional = all.filter((one) => one.score >= leastScore + scoreTolerance && !isAmong(one, detections)).length;
  const labels = result.segmentation?.labels ?? new Uint8Array(0);
  const pixels = map.width * map.height;
  let differentPixels = 0;
  for (let i = 0; i < pixels; i++) if (labels[i] !== map.data[4 * i]) differentPixels++;
  return {
    passed: found === sure.length && additional === 0 && differentPixels <= uncertainPixels,
    file,
    expected: sure.length,
    found,
    additional,
    pixels,
    differentPixels,
    uncertainPixels,
    milliseconds: result.timings.total ?? 0,
  };
}

function isSame(a: ExpectedDetection, b: ExpectedDetection): boolean {
  if (a.label !== b.label || Math.abs(a.score - b.score) > scoreTolerance) return false;
  const [iou = 0] = iouMatrix(Float32Array.from(a.box), Float32Array.from(b.box));
  return iou >= leastIou;
}

async function withSource<T>(platform: Platform, ref: WeightsRef, use: (source: Source) => Promise<T>): Promise<T> {
  const source = await platform.openWeights(ref);
  try {
    return await use(source);
  } finally {
    await source.close?.();
  }
}
