import type { Named, NDArray, Size } from '../arrays.ts';
import { datasetOf } from '../datasets/index.ts';
import { CheckpointError, ConfigError, EngineError, unknownName } from '../errors.ts';
import type { ReadModel } from '../loading/read_model.ts';
import type { ClassifyOptions } from '../models/classification.ts';
import type { ModelDefinition } from '../models/create.ts';
import { decodeOwn, ownDetections } from '../models/custom.ts';
import type { DetectOptions } from '../models/detector.ts';
import type { Labels } from '../models/segmentation.ts';
import type { Engine, Resident, Runner } from '../nn/index.ts';
import type { ImageRef, Platform } from '../platform/contract.ts';
import type { Detections } from '../postprocess/detections.ts';
import type { Origin, Timings } from '../results/fields.ts';
import { Mask } from '../results/mask.ts';
import { Result } from '../results/result.ts';
import { decodeRef, fileOf, prepareInputs } from './images.ts';
import { checkFeatures, checkImage, checkImages, checkPredict } from './options.ts';

export interface Stopwatch {
  /** Adds what `task` takes to `step`. */
  time<T>(step: string, task: () => Promise<T>): Promise<T>;
  /** As `time`, without what other steps took meanwhile. */
  rest<T>(step: string, task: () => Promise<T>): Promise<T>;
  /** All steps so far in milliseconds, and their `total`. */
  finish(): Timings;
}

export function stopwatch(): Stopwatch {
  const steps: Record<string, number> = {};
  const begun = performance.now();
  const sum = () => Object.values(steps).reduce((total, step) => total + step, 0);
  const measure = async <T>(step: string, task: () => Promise<T>, without: () => number): Promise<T> => {
    const before = without();
    const start = performance.now();
    const result = await task();
    steps[step] = (steps[step] ?? 0) + performance.now() - start - (without() - before);
    return result;
  };
  return {
    time: (step, task) => measure(step, task, () => 0),
    rest: (step, task) => measure(step, task, sum),
    finish: () => ({ ...steps, total: performance.now() - begun }),
  };
}

/**
 * Waits until timers, clicks, messages and answers that are due have had their turn: what an engine that computes on the
 * caller's own thread keeps waiting, an abort among them.
 */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { setImmediate } = globalThis as { setImmediate?: (task: () => void) => void };
    // in Node timers, input and output and immediates have their turns one after the other: one round of all
    if (setImmediate) setTimeout(() => setImmediate(resolve), 0);
    else {
      // a page's timers wait 4 ms, and a second in a hidden tab; messages do not
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        port1.close();
        resolve();
      };
      port2.postMessage(null);
    }
  });
}

/** Of a model with several heads, the part of the results that a caller is after. */
export type Only = 'instances' | 'regions';

type Heads = Pick<ModelDefinition, 'detector' | 'segmentor' | 'classifier' | 'head'>;

/**
 * The heads whose results are wanted. They share one run of the part `features`; what comes after it, regions through the
 * box and mask parts or logits to labels, is done for these alone.
 *
 * @throws ConfigError where the model has not the head that is asked for
 */
export function wantedHeads({ config, detector, segmentor, classifier, head }: ModelDefinition, only?: Only): Heads {
  if (only === undefined) {
    return {
      ...(detector && { detector }),
      ...(segmentor && { segmentor }),
      ...(classifier && { classifier }),
      ...(head && { head }),
    };
  }
  const name = config.name ?? 'model';
  if (only === 'instances') {
    if (!detector) throw new ConfigError(`the model "${name}" finds no instances. Leave \`only\` out.`);
    return { detector };
  }
  if (only !== 'regions') {
    throw new ConfigError(`\`only\` is "instances" or "regions", not "${only}".`);
  }
  if (!segmentor) throw new ConfigError(`the model "${name}" does not segment. Leave \`only\` out.`);
  return { segmentor };
}

/** What one prediction does differently; where nothing is given, what the configuration says. */
export interface PredictOptions extends DetectOptions, ClassifyOptions {
  /** Only instances of these classes, by name or label. */
  readonly classes?: readonly (string | number)[];
  /** Fit the image between these edges instead of the configuration's; for a classifier the crop, which is square. */
  readonly size?: Size;
  /** Of a model that both detects and segments: its instances or its regions alone, without the work for the others. */
  readonly only?: Only;
  /**
   * Stops the work with the signal's reason, before the next part of the model at the latest. The TensorFlow.js engines compute
   * on the caller's thread and hear it between parts only: a worker keeps a page alive meanwhile.
   */
  readonly signal?: AbortSignal;
}

/** A model with its weights on an engine. Calls queue; each image is run alone, so its neighbours never change it. */
export class Model {
  private queue: Promise<unknown> = Promise.resolve();
  private disposed = false;

  readonly definition: ModelDefinition;
  /** Modules without weights, which are yet to be trained; `predict` refuses while there are any. */
  readonly unfilled: readonly string[];
  /** What the reader of the weights wants known: which set was taken, which entries fit as well. */
  readonly notices: readonly string[];
  /** Of the weights, see `Origin`. */
  readonly sha256?: string;

  constructor(
    { definition, unfilled, notices, sha256 }: Omit<ReadModel, 'weights'> & { readonly sha256?: string | undefined },
    private readonly runners: Named<Runner>,
    /** Name and detail (threads, device) of what runs the network. */
    readonly engine: Engine,
    private readonly platform: Platform,
  ) {
    this.definition = definition;
    this.unfilled = unfilled;
    this.notices = notices;
    if (sha256 !== undefined) this.sha256 = sha256;
  }

  get name(): string {
    return this.definition.config.name ?? 'model';
  }

  /** Classes of instances, of regions, and of pictures; absent where the model has no such head. A head of one's own may say its. */
  get classes(): Readonly<Partial<Record<'detector' | 'segmentor' | 'classifier' | 'head', readonly string[]>>> {
    const { detector, segmentor, classifier, head } = this.definition;
    return {
      ...(detector && { detector: detector.classes }),
      ...(segmentor && { segmentor: segmentor.classes }),
      ...(classifier && { classifier: classifier.classes }),
      ...(head?.classes && { head: head.classes }),
    };
  }

  /**
   * @throws ImageError where the image cannot be read, ConfigError for an unknown class, CheckpointError naming the modules
   *   without weights, EngineError after `dispose()`, the signal's reason where it was aborted
   */
  predict(image: ImageRef, options?: PredictOptions): Promise<Result>;
  predict(images: readonly ImageRef[], options?: PredictOptions): Promise<Result[]>;
  async predict(images: ImageRef | readonly ImageRef[], options: PredictOptions = {}): Promise<Result | Result[]> {
    checkPredict(options);
    if (!Array.isArray(images)) {
      checkImage(images);
      const [result] = await this.enqueue(() => this.run([images as ImageRef], options));
      return result!;
    }
    const results: Result[] = [];
    for (const image of images) results.push(await this.predict(image as ImageRef, options));
    return results;
  }

  /**
   * The reference's batch: every image padded to the largest and run together. Padding reaches into the features, so
   * numbers differ a little from `predict`'s; not a classifier's, whose crops have one size.
   */
  async predictBatch(images: readonly ImageRef[], options: PredictOptions = {}): Promise<Result[]> {
    checkImages(images);
    checkPredict(options);
    return this.enqueue(() => (images.length === 0 ? Promise.resolve([]) : this.run(images, options)));
  }

  /**
   * The pyramid of an image that is prepared as for `predict`: one 1×C×H×W array per stage, finest first. Needs no head,
   * so it also runs while heads are without weights.
   *
   * @throws as `predict`, CheckpointError where the backbone itself is without weights
   */
  async features(image: ImageRef, options: Pick<PredictOptions, 'size' | 'signal'> = {}): Promise<NDArray[]> {
    checkFeatures(options);
    return this.enqueue(async () => {
      const runner = this.runners.features ?? this.runners.trunk;
      if (!runner) throw withoutWeights(this.name, this.unfilled, 'features');
      const raster = await decodeRef(image, this.platform, options.signal);
      const { input } = prepareInputs(this.definition.config, [raster], options.size);
      await this.turn(options.signal);
      const outputs = await runner.run({ image: input });
      try {
        return await Promise.all(this.definition.stages.map((_, i) => outputs[`stage${i}`]!.read()));
      } finally {
        for (const resident of Object.values(outputs)) resident.dispose();
      }
    });
  }

  /** Frees the weights, after the calls that are still queued. */
  async dispose(): Promise<void> {
    if (this.disposed) return;
    const idle = this.queue;
    this.disposed = true;
    await idle;
    for (const runner of Object.values(this.runners)) runner.dispose();
    await this.engine.dispose();
  }

  private enqueue<T>(task: () => Promise<T>): Promise<T> {
    if (this.disposed) return Promise.reject(new EngineError(`the model "${this.name}" was disposed. Load it again.`));
    const result = this.queue.then(task);
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async run(refs: readonly ImageRef[], options: PredictOptions): Promise<Result[]> {
    if (this.unfilled.length > 0) throw withoutWeights(this.name, this.unfilled, 'predict');
    const clock = stopwatch();
    const { detector, segmentor, classifier, head } = wantedHeads(this.definition, options.only);
    const known = head ? undefined : labelsOf(options.classes, this.definition.detector?.classes ?? []);
    const images = await clock.time('decode', () =>
      Promise.all(refs.map((ref) => decodeRef(ref, this.platform, options.signal))),
    );
    options.signal?.throwIfAborted();
    const { input, geometries } = await clock.time('preprocess', async () =>
      prepareInputs(this.definition.config, images, options.size),
    );
    const run = async (part: string, inputs: Named<NDArray | Resident>) => {
      await this.turn(options.signal);
      return clock.time(part, () => this.runners[part]!.run(inputs));
    };
    // windows of the input take the place of the whole, unless another head needs it
    const whole = !segmentor?.slide || detector || head;
    const features = whole ? await run('features', { image: input }) : {};
    try {
      const detections = await clock.rest('detect', async () => detector?.detect(features, geometries, run, options));
      const logits = segmentor && !segmentor.slide && (await clock.time('read', () => features.seg_logits!.read()));
      const segmentations = await clock.rest('segment', async () => {
        if (logits) return geometries.map((geometry, i) => segmentor.segment(logits, i, geometry));
        const labels: (Labels | undefined)[] = [];
        for (const [i, geometry] of geometries.entries()) {
          labels.push(await segmentor?.slide?.(input, i, geometry, run));
        }
        return labels;
      });
      const classLogits = classifier && (await clock.time('read', () => features.logits!.read()));
      const decoded = head && (await decodeOwn(head, features, geometries, options));
      const timings = clock.finish();
      return images.map((image, i) => {
        const own = head && ownDetections(decoded?.[i], head, options);
        const { masks, names, ...found } = own ?? {
          ...(detections?.[i] ?? nothing),
          names: detector?.classes ?? [],
        };
        const labels = segmentations[i];
        const result = new Result({
          ...found,
          names,
          dataset: own || !detector ? undefined : datasetOf(this.definition.config.detection ?? {}),
          ...(masks && { masks: masks.map((mask) => new Mask(mask)) }),
          ...(labels && {
            segmentation: {
              labels,
              names: segmentor!.classes,
              dataset: datasetOf(this.definition.config.segmentation ?? {}),
            },
          }),
          ...(classLogits && {
            classification: { ...classifier!.classify(classLogits, i, options), names: classifier!.classes },
          }),
          ...(decoded && { head: decoded[i] }),
          image,
          timings,
          origin: this.originOf(refs[i]!),
        });
        const wanted = head ? labelsOf(options.classes, names) : known; // an own head says its names with its results
        return wanted ? result.filter(({ label }) => wanted.has(label)) : result;
      });
    } finally {
      for (const resident of Object.values(features)) resident.dispose();
    }
  }

  private originOf(ref: ImageRef): Origin {
    const { name, sha256, engine } = this;
    const file = fileOf(ref);
    return {
      model: { name, ...(sha256 !== undefined && { sha256 }) },
      engine: engine.name,
      ...(file !== undefined && { file }),
    };
  }

  /** Before a part: what else is due has its turn where the engine computes on this thread, and an abort is heard. */
  private async turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.engine.blocking) await nextTask();
    signal?.throwIfAborted();
  }
}

/** @throws ConfigError for a class that there is not */
function labelsOf(classes: PredictOptions['classes'], names: readonly string[]): ReadonlySet<number> | undefined {
  return (
    classes &&
    new Set(
      classes.map((one) => {
        const label = typeof one === 'number' ? one : names.indexOf(one);
        if (label < 0 || label >= names.length) throw new ConfigError(unknownName('class', `${one}`, names));
        return label;
      }),
    )
  );
}

const withoutWeights = (name: string, modules: readonly string[], what: string): CheckpointError =>
  new CheckpointError(
    `the model "${name}" has no weights for ${modules.join(', ')}, which ${what} needs. Give a file for each as ` +
      `weights: { ${modules[0]?.split('.')[0]}: file, … }, or train them.`,
  );

const nothing: Detections = {
  boxes: new Float32Array(0),
  scores: new Float32Array(0),
  labels: new Int32Array(0),
};
