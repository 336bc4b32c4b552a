import type { Named, NDArray, Weights } from '../arrays.ts';
import { CheckpointError, EngineError } from '../errors.ts';
import { openSafetensors, type Source } from '../formats/index.ts';
import type { Raster } from '../image/raster.ts';
import { modelLoader } from '../library/load.ts';
import { fillParameters } from '../loading/fill.ts';
import { configKey } from '../loading/weights.ts';
import { createModel, type ModelDefinition, modelParameters } from '../models/create.ts';
import { type Engine, passes, programOf, recordPart } from '../nn/index.ts';
import type { ImageRef, Platform, WeightsRef } from '../platform/contract.ts';
import { iouMatrix } from '../postprocess/boxes.ts';
import type { Result } from '../results/result.ts';

/** What the reference finds on a photo, and how a result is held to it. */
export interface ExpectedPhoto {
  readonly photo: string;
  /** Best first, down to a little below `leastScore`. */
  readonly detections: readonly ExpectedDetection[];
  /** A class of a pixel as its red value. */
  readonly labels: Raster;
  /** Where the reference's two best classes are so near that rounding may exchange them. */
  readonly uncertainPixels: number;
}

interface ExpectedDetection {
  readonly label: number;
  readonly score: number;
  /** x1, y1, x2, y2 in pixels of the photo */
  readonly box: readonly number[];
}

/** What an engine finds on the shipped photo, against the reference. */
export interface PhotoCheck {
  readonly passed: boolean;
  readonly photo: string;
  /** Expected detections, and how many of them were found: same class, score within 0.002, IoU of 0.99 or more. */
  readonly expected: number;
  readonly found: number;
  /** Detections that the reference has not. */
  readonly additional: number;
  readonly pixels: number;
  /** Pixels of another class than the reference's; as many as it is uncertain of may be. */
  readonly differentPixels: number;
  readonly uncertainPixels: number;
  /** From the file to the result, in milliseconds. */
  readonly milliseconds: number;
}

const leastScore = 0.3;
const scoreTolerance = 0.002;
const leastIou = 0.99;

export function comparePhoto(result: Result, expected: ExpectedPhoto): PhotoCheck {
  const { photo, uncertainPixels } = expected;
  const all = [...result].map(({ label, score, box }) => ({ label, score, box }));
  const sure = expected.detections.filter(({ score }) => score >= leastScore);
  const partnered = (one: ExpectedDetection, others: readonly ExpectedDetection[]) =>
    others.some((other) => isSame(one, other));
  const found = sure.filter((one) => partnered(one, all)).length;
  const additional = all.filter(
    (one) => one.score >= leastScore + scoreTolerance && !partnered(one, expected.detections),
  ).length;
  const labels = result.segmentation?.labels ?? new Uint8Array(0);
  const pixels = expected.labels.width * expected.labels.height;
  let differentPixels = 0;
  for (let i = 0; i < pixels; i++) if (labels[i] !== expected.labels.data[4 * i]) differentPixels++;
  return {
    passed: found === sure.length && additional === 0 && differentPixels <= uncertainPixels,
    photo,
    expected: sure.length,
    found,
    additional,
    pixels,
    differentPixels,
    uncertainPixels,
    milliseconds: result.timings.total ?? 0,
  };
}

const isSame = (a: ExpectedDetection, b: ExpectedDetection): boolean =>
  a.label === b.label &&
  Math.abs(a.score - b.score) <= scoreTolerance &&
  iouMatrix(Float32Array.from(a.box), Float32Array.from(b.box))[0]! >= leastIou;

/** The numbers that a platform ships to be checked against. */
export interface VerifySamples {
  /** A small network: its weights, an input (`verify.image`) and PyTorch's outputs (`verify.<output>`). */
  readonly numbers: WeightsRef;
  /** What the reference finds with the demo model: boxes as JSON, the label map as a picture. */
  readonly photo: { readonly image: ImageRef; readonly boxes: WeightsRef; readonly labels: WeightsRef };
}

/** An engine's numbers for the small network against PyTorch's. */
export interface NumbersCheck {
  readonly passed: boolean;
  /** Of the output that is nearest to, or furthest beyond, its tolerance. */
  readonly output: string;
  readonly maxError: number;
  readonly tolerance: number;
  readonly milliseconds: number;
}

/** What `verify` found of one engine. */
export interface EngineCheck {
  readonly engine: string;
  readonly status: 'passed' | 'failed' | 'unavailable';
  /** Threads, device. */
  readonly detail?: string;
  /** Why it is unavailable or could not run. */
  readonly reason?: string;
  readonly numbers?: NumbersCheck;
  /** Left out where it was not asked for. */
  readonly photo?: PhotoCheck;
}

/** What `verify` runs. */
export interface VerifyOptions {
  /** Default: all of the platform. */
  readonly engines?: readonly string[];
  /** Whether an engine runs the photo as well as the small network. Default: all do. */
  readonly photo?: (engine: string) => boolean;
  /** Called before each check. */
  readonly onProgress?: (engine: string, what: 'numbers' | 'photo') => void;
}

export type Verify = (options?: VerifyOptions) => Promise<EngineCheck[]>;

/** Holds this machine's engines to the shipped numbers of PyTorch. An engine that is missing is reported, not thrown. */
export function verifier(platform: Platform, samples: VerifySamples): Verify {
  const load = modelLoader(platform);
  return async ({ engines = platform.engines, photo = () => true, onProgress } = {}) => {
    const golden = await readNumbers(platform, samples.numbers);
    const expected = await readPhoto(platform, samples);
    const checks: EngineCheck[] = [];
    for (const name of engines) checks.push(await check(name));
    return checks;

    async function check(name: string): Promise<EngineCheck> {
      let engine: Engine;
      try {
        engine = await platform.openEngine(name, {});
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        return { engine: name, status: 'unavailable', reason: error.message };
      }
      const { detail } = engine;
      try {
        onProgress?.(name, 'numbers');
        const numbers = await compareNumbers(engine, golden);
        if (!photo(name)) return { engine: name, status: statusOf(numbers), detail, numbers };
        onProgress?.(name, 'photo');
        const found = await onPhoto(name);
        return { engine: name, status: statusOf(numbers, found), detail, numbers, photo: found };
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        return { engine: name, status: 'failed', detail, reason: error.message };
      } finally {
        await engine.dispose();
      }
    }

    async function onPhoto(engine: string): Promise<PhotoCheck> {
      const model = await load('facade', { engine });
      try {
        return comparePhoto(await model.predict(samples.photo.image), expected);
      } finally {
        await model.dispose();
      }
    }
  };
}

const statusOf = (...checks: readonly { readonly passed: boolean }[]) =>
  checks.every(({ passed }) => passed) ? 'passed' : 'failed';

interface GoldenNumbers {
  readonly definition: ModelDefinition;
  readonly weights: Weights;
  readonly image: NDArray;
  readonly outputs: Named<{ readonly expected: NDArray; readonly tolerance: number }>;
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
      if (!entry)
        throw new CheckpointError(`${source.name}: there is no ${samplePrefix}${name}. Install the package again.`);
      return entry.readFloat32();
    };
    const tolerances: Named<number> = JSON.parse(metadata['moganet.tolerances'] ?? '{}');
    const outputs = Object.entries(tolerances).map(
      async ([name, tolerance]) => [name, { expected: await stored(name), tolerance }] as const,
    );
    return {
      definition,
      weights,
      image: await stored('image'),
      outputs: Object.fromEntries(await Promise.all(outputs)),
    };
  });
}

async function readPhoto(platform: Platform, { photo }: VerifySamples): Promise<ExpectedPhoto> {
  const bytes = (ref: WeightsRef) => withSource(platform, ref, (source) => source.read(0, source.size));
  const boxes = JSON.parse(new TextDecoder().decode(await bytes(photo.boxes)));
  return { ...boxes, labels: await platform.decodeImage(await bytes(photo.labels), 'label map') };
}

async function withSource<T>(platform: Platform, ref: WeightsRef, use: (source: Source) => Promise<T>): Promise<T> {
  const source = await platform.openWeights(ref);
  try {
    return await use(source);
  } finally {
    await source.close?.();
  }
}

/** Runs twice: the first run compiles and warms up, the second is timed. */
async function compareNumbers(
  engine: Engine,
  { definition, weights, image, outputs }: GoldenNumbers,
): Promise<NumbersCheck> {
  const part = definition.parts.features!;
  const runner = await engine.load(programOf(part.name, recordPart(part), weights, passes));
  const run = async (): Promise<Named<NDArray>> => {
    const found: Record<string, NDArray> = {};
    for (const [name, resident] of Object.entries(await runner.run({ image }))) {
      found[name] = await resident.read();
      resident.dispose();
    }
    return found;
  };
  try {
    await run();
    const start = performance.now();
    const found = await run();
    const milliseconds = performance.now() - start;
    const errors = Object.entries(outputs).map(([output, { expected, tolerance }]) => ({
      output,
      maxError: largestError(found[output]!, expected),
      tolerance,
    }));
    const ratio = (error: (typeof errors)[number]) => error.maxError / error.tolerance;
    const worst = errors.reduce((a, b) => (ratio(b) > ratio(a) ? b : a));
    return { passed: worst.maxError <= worst.tolerance, ...worst, milliseconds };
  } finally {
    runner.dispose();
  }
}

/** Infinite where a value is none. */
function largestError({ data }: NDArray, expected: NDArray): number {
  if (data.length !== expected.data.length) return Number.POSITIVE_INFINITY;
  return expected.data.reduce((max, value, i) => {
    const error = Math.abs(data[i]! - value);
    return Number.isNaN(error) ? Number.POSITIVE_INFINITY : Math.max(max, error);
  }, 0);
}
