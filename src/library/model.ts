/// <reference lib="esnext.disposable" preserve="true" />
import type { Named, NDArray } from '../arrays.ts';
import { CheckpointError, ConfigError, EngineError, ImageError, MoganetError, placed } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import type { ModelDefinition } from '../models/create.ts';
import type { Task, TaskInputs, TaskKind, TaskResult } from '../models/task.ts';
import type { DeviceTensor, Engine, Runner } from '../nn/index.ts';
import type { ImageRef, Platform } from '../platform/contract.ts';
import { fileOf } from '../platform/refs.ts';
import type { Origin, ResultFields } from '../results/fields.ts';
import { Result } from '../results/result.ts';
import { breather, nextTurn } from '../turn.ts';
import { ahead, type Source } from './ahead.ts';
import { checkImage, checkImages, checkSource, decodeRef, takeImage } from './images.ts';
import { Lane } from './lane.ts';
import { checkFeatures, checkPredict, type FeaturesOptions, type PredictOptions } from './options.ts';
import { stopwatch } from './timing.ts';

/** The pyramid of an image: one 1×C×H×W array per stage, finest first. */
export interface Features extends Array<NDArray> {
  /**
   * The way back to the image: a position in a map, times the stride of its stage, divided by `scaleX` and `scaleY`, is one in pixels of
   * the image. Undefined for classifiers, which see a crop.
   */
  readonly geometry: Geometry | undefined;
}

/** The facts about a model that do not depend on its engine. */
export interface ModelFacts {
  readonly definition: ModelDefinition;
  readonly unfilled: readonly string[];
  readonly notices: readonly string[];
  readonly sha256?: string | undefined;
}

/** Images that are decoded at a time: one that the network runs, one before and one after it. */
const mostAtWork = 3;

/**
 * A model with its weights on an engine. Calls queue for the network, which runs one image after the other; while it does, the next image
 * is decoded and the last one postprocessed. Each image is run alone, so its neighbours never change its result. `Custom` is what its
 * custom head decodes.
 */
export class Model<Custom = unknown> {
  /** Every image from before it is decoded until its result is there: no more pixels are held than these. */
  private readonly atWork = new Lane(mostAtWork);
  /** The network: the tensors of one image are on the device at a time. */
  private readonly network = new Lane(1);
  private idle: Promise<unknown> = Promise.resolve();
  private disposal: Promise<void> | undefined;

  readonly definition: ModelDefinition;
  /** Modules without weights, which are yet to be trained. `predict` throws while there are any. */
  readonly unfilled: readonly string[];
  /** Notes on the weights, such as the set that was taken, and other models that they fit. */
  readonly notices: readonly string[];
  /** Hash of the weights, see `weightsHash`. */
  readonly sha256: string | undefined;

  constructor(
    { definition, unfilled, notices, sha256 }: ModelFacts,
    private readonly runners: Named<Runner>,
    /** Name and detail (threads, device) of what runs the network. */
    readonly engine: Engine,
    private readonly platform: Platform,
  ) {
    this.definition = definition;
    this.unfilled = unfilled;
    this.notices = notices;
    this.sha256 = sha256;
  }

  get name(): string {
    return this.definition.config.name ?? 'model';
  }

  /** Class names by task. A custom head has an entry if it names its classes. */
  get classes(): Readonly<Partial<Record<TaskKind, readonly string[]>>> {
    const named = this.definition.tasks.flatMap(({ kind, dataset }) => (dataset ? [[kind, dataset.classes]] : []));
    return Object.fromEntries(named);
  }

  /**
   * Runs the model's tasks on an image, or on images one by one. Pixels, bytes and options are copied at the call: a change after it
   * changes no result. A list ends at the first image that fails, whose place the error names (`images[1]`); see `predictSettled`.
   *
   * @throws ImageError if the image cannot be read, ConfigError for an unknown class or task, CheckpointError naming the modules
   *   without weights, EngineError after `dispose()` or if the engine fails, the signal's reason if it was aborted
   */
  predict(image: ImageRef, options?: PredictOptions): Promise<Result<Custom>>;
  predict(images: readonly ImageRef[], options?: PredictOptions): Promise<Result<Custom>[]>;
  predict(images: ImageRef | readonly ImageRef[], options?: PredictOptions): Promise<Result<Custom> | Result<Custom>[]>;
  async predict(
    images: ImageRef | readonly ImageRef[],
    options: PredictOptions = {},
  ): Promise<Result<Custom> | Result<Custom>[]> {
    const checked = checkPredict(options, 'predict');
    if (!isList(images)) return this.runAlone(takeImage(images), checked);
    const results: Result<Custom>[] = [];
    for await (const one of this.slots(Array.from(images, takeImage), checked)) results.push(fulfilled(one));
    return results;
  }

  /**
   * Runs images one by one as `predict` does. An image that fails costs its own slot: the results are those of `Promise.allSettled`, in
   * the order of the images, and the reason of a rejected one names its place (`images[1]`).
   *
   * @throws what concerns every image: ConfigError, CheckpointError, EngineError after `dispose()`, the signal's reason
   */
  async predictSettled(
    images: readonly ImageRef[],
    options: PredictOptions = {},
  ): Promise<PromiseSettledResult<Result<Custom>>[]> {
    checkImages(images, 'predictSettled');
    const checked = checkPredict(options, 'predictSettled');
    const results: PromiseSettledResult<Result<Custom>>[] = [];
    for await (const one of this.slots(Array.from(images, takeImage), checked)) {
      results.push(this.costsItsSlot(one, checked));
    }
    return results;
  }

  /**
   * Runs images as they come, from a list, a generator or anything else that can be iterated, and yields their results in order. Takes an
   * image only when there is room for it, three ahead at most, and keeps no result that was taken: a folder of any size needs the memory
   * of a few images. Leaving the loop stops the work. The first image that fails ends the stream; see `streamSettled`.
   *
   * @throws as `predict`, when the loop begins
   */
  async *stream(
    images: Source<ImageRef>,
    options: PredictOptions = {},
  ): AsyncGenerator<Result<Custom>, void, undefined> {
    const checked = checkPredict(options, 'stream');
    for await (const one of this.slots(images, checked)) yield fulfilled(one);
  }

  /**
   * Does what `stream` does. An image that fails costs its own slot, as in `predictSettled`.
   *
   * @throws what concerns every image, as `predictSettled`
   */
  async *streamSettled(
    images: Source<ImageRef>,
    options: PredictOptions = {},
  ): AsyncGenerator<PromiseSettledResult<Result<Custom>>, void, undefined> {
    const checked = checkPredict(options, 'streamSettled');
    for await (const one of this.slots(images, checked)) yield this.costsItsSlot(one, checked);
  }

  /**
   * Runs images together as one batch, as the reference does: pads each to the largest. The padding reaches into the features, so numbers
   * differ a little from those of `predict`. Classification gives the same numbers, since its crops have one size.
   *
   * @throws as `predict` does for a list
   */
  async predictBatch(images: readonly ImageRef[], options: PredictOptions = {}): Promise<Result<Custom>[]> {
    checkImages(images, 'predictBatch');
    const checked = checkPredict(options, 'predictBatch');
    const taken = Array.from(images, takeImage);
    return this.begin(checked, async (place) => (taken.length === 0 ? [] : this.run(taken, checked, place, inList)));
  }

  /**
   * Returns the pyramid of an image that is prepared as for `predict`: one 1×C×H×W array per stage, finest first, with the geometry that
   * leads back to the image. Also works while heads have no weights.
   *
   * @throws as `predict`, and CheckpointError if the backbone itself has no weights
   */
  async features(image: ImageRef, options: FeaturesOptions = {}): Promise<Features> {
    const checked = checkFeatures(options);
    const { size, signal } = checked;
    const taken = takeImage(image);
    return this.begin(checked, async (place) => {
      const runner = this.runners.features ?? this.runners.backbone;
      if (!runner) throw withoutWeights(this.name, this.unfilled, 'features');
      const raster = await decodeRef(taken, this.platform, checked);
      const input = await this.definition.prepareInSlices([raster], size, breather(signal));
      await place.network();
      await this.turn(signal);
      const outputs = await runner.run({ image: input.image }, this.definition.outputs.stages, signal);
      try {
        const maps = await Promise.all(Object.values(outputs).map((tensor) => tensor.read()));
        return Object.assign(maps, { geometry: input.geometries[0] });
      } finally {
        free(outputs);
      }
    });
  }

  /**
   * Frees the weights and the engine after the queued calls; images of a list or stream that had not begun are refused. Every call waits for
   * the end of the first.
   */
  dispose(): Promise<void> {
    this.disposal ??= this.disposeAfter(this.idle);
    return this.disposal;
  }

  /** Does what `dispose` does: `await using model = await loadModel(…)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private async disposeAfter(idle: Promise<unknown>): Promise<void> {
    await idle;
    try {
      for (const runner of Object.values(this.runners)) runner.dispose();
    } finally {
      await this.engine.dispose();
    }
  }

  /** Runs images in order, the next ones beside the network. An image is copied when it is taken, as a camera overwrites its frames. */
  private slots(images: Source<ImageRef>, options: PredictOptions) {
    checkSource(images);
    const { signal } = options;
    return ahead(images, (image, i, stop) => this.runAlone(takeImage(image), { ...options, signal: stop }, i), {
      most: mostAtWork,
      signal,
    });
  }

  /** @throws the reason of a failure that is not that of one image */
  private costsItsSlot<T>(one: PromiseSettledResult<T>, { signal }: PredictOptions): PromiseSettledResult<T> {
    if (one.status === 'fulfilled') return one;
    signal?.throwIfAborted(); // an image that had failed before is not the reason
    const { reason } = one;
    const concernsAll = reason instanceof ConfigError || reason instanceof CheckpointError;
    if (concernsAll || (this.disposal && !(reason instanceof ImageError))) throw reason;
    return one;
  }

  /** Runs one image. @param slot its place in the caller's list, for errors */
  private async runAlone(image: ImageRef, options: PredictOptions, slot?: number): Promise<Result<Custom>> {
    try {
      checkImage(image);
      const [result] = await this.begin(options, (place) => this.run([image], options, place));
      return result as Result<Custom>; // one image, one result
    } catch (error) {
      throw slot === undefined ? error : inList(error, slot, image);
    }
  }

  /** Begins a call when there is room for another image. Its turn at the network is that of the call. An abort ends both waits. */
  private begin<T>({ signal }: { signal?: AbortSignal | undefined }, call: (place: Place) => Promise<T>): Promise<T> {
    if (this.disposal) return Promise.reject(new EngineError(`the model "${this.name}" was disposed. Load it again.`));
    const begun = performance.now();
    const result = this.atWork.enter(signal).then(async (leave) => {
      const network = this.network.enter(signal);
      network.catch(() => {}); // an abort that comes while the image is decoded is heard there
      const leaveNetwork = () =>
        void network.then(
          (left) => left(),
          () => {}, // it never had its turn
        );
      try {
        return await call({ begun, network: () => network, leaveNetwork });
      } finally {
        leaveNetwork();
        leave();
      }
    });
    this.idle = Promise.allSettled([this.idle, result]).then(() => undefined); // it lives as long as the model, and holds no result
    return result;
  }

  /** Runs images together. @param ofImage returns the error to throw for an image that cannot be read */
  private async run(
    refs: readonly ImageRef[],
    options: PredictOptions,
    { begun, network, leaveNetwork }: Place,
    ofImage = (error: unknown, _slot: number, _image: ImageRef): unknown => error,
  ): Promise<Result<Custom>[]> {
    const { signal } = options;
    if (this.unfilled.length > 0) throw withoutWeights(this.name, this.unfilled, 'predict');
    const tasks = this.tasksFor(options.only);
    for (const task of tasks) task.check?.(options);
    const clock = stopwatch({
      begun,
      parts: Object.keys(this.runners),
      tasks: tasks.map(({ kind }) => kind),
    });
    const images = await clock.time('decode', () =>
      Promise.all(
        refs.map((ref, i) =>
          decodeRef(ref, this.platform, options).catch((error: unknown) => {
            throw ofImage(error, i, ref);
          }),
        ),
      ),
    );
    signal?.throwIfAborted();
    const pause = breather(signal);
    const prepared = await clock.time('preprocess', () => this.definition.prepareInSlices(images, options.size, pause));
    await clock.wait(network);

    const wanted = tasks.flatMap(({ kind }) => this.definition.outputs[kind] ?? []);
    const run: TaskInputs['run'] = async (part, inputs) => {
      const runner = this.runners[part];
      if (!runner) throw new RangeError(`the model "${this.name}" has no part "${part}"`);
      await this.turn(signal);
      return clock.time(part, () => runner.run(inputs, part === 'features' ? wanted : undefined, signal));
    };
    let features: Promise<Named<DeviceTensor>> | undefined;
    const release = async () => {
      await features?.then(free, () => undefined);
      leaveNetwork();
    };
    const found: TaskResult[] = images.map(() => ({}));
    try {
      for (const [n, task] of tasks.entries()) {
        if (n > 0) await this.turn(signal); // the arithmetic of a task may have taken long
        const inputs: TaskInputs = {
          ...prepared,
          run,
          pause,
          features: () => {
            features ??= run('features', { image: prepared.image });
            return features;
          },
          networkDone: async () => {
            if (n === tasks.length - 1) await release();
          },
        };
        const results = await clock.rest(task.kind, () => task.predict(inputs, options));
        for (const [i, result] of results.entries()) found[i] = { ...found[i], ...result };
      }
    } finally {
      await release();
    }
    await this.turn(signal);
    const timings = clock.finish();
    return images.map((image, i) => {
      const origin = this.originOf(refs[i]);
      // the head that `loadModel` took `Custom` from decoded it
      return new Result({ ...fieldsOf(found[i] ?? {}), image, timings, origin } as ResultFields<Custom>);
    });
  }

  /** Returns the tasks to run. @throws ConfigError if the model has no task, or not the one of `only` */
  private tasksFor(only: TaskKind | undefined): readonly Task[] {
    const { tasks } = this.definition;
    if (tasks.length === 0) {
      throw new ConfigError(`the model "${this.name}" is a backbone without a head. Use model.features(image).`);
    }
    const chosen = tasks.filter(({ kind }) => only === undefined || kind === only);
    if (chosen.length > 0) return chosen;
    const kinds = tasks.map(({ kind }) => kind).join(', ');
    throw new ConfigError(`the model "${this.name}" does ${kinds}, not ${only}. Leave \`only\` out.`);
  }

  private originOf(ref: unknown): Origin {
    return { model: { name: this.name, sha256: this.sha256 }, engine: this.engine.name, file: fileOf(ref) };
  }

  /** Yields to the event loop if the engine blocks this thread, then checks for an abort. */
  private async turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.engine.blocking) await nextTurn();
    signal?.throwIfAborted();
  }
}

/** What a call that has begun holds. */
interface Place {
  /** When the call came. */
  readonly begun: number;
  /** Waits for its turn at the network. */
  network(): Promise<unknown>;
  /** Lets the next call have the network; a second time does nothing. */
  leaveNetwork(): void;
}

/** @throws the reason of a failure */
function fulfilled<T>(one: PromiseSettledResult<T>): T {
  if (one.status === 'rejected') throw one.reason;
  return one.value;
}

/** Says in an error which image of the caller's list it is about. A wrong option is about all of them. */
function inList(error: unknown, slot: number, image: ImageRef): unknown {
  if (!(error instanceof MoganetError) || error instanceof ConfigError) return error;
  const file = fileOf(image);
  const isNamed = file === undefined || error.message.startsWith(file);
  return placed(error, isNamed ? `images[${slot}]` : `images[${slot}] (${file})`);
}

const isList = (images: ImageRef | readonly ImageRef[]): images is readonly ImageRef[] => Array.isArray(images);

function free(tensors: Named<DeviceTensor>): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** Returns the fields of a result for the findings of all tasks. */
function fieldsOf({
  detections,
  segmentation,
  classification,
  custom,
}: TaskResult): Omit<ResultFields, 'image' | 'timings'> {
  return {
    boxes: detections?.boxes ?? new Float32Array(0),
    scores: detections?.scores ?? new Float32Array(0),
    labels: detections?.labels ?? new Int32Array(0),
    masks: detections?.masks,
    classes: detections?.dataset.classes ?? [],
    dataset: detections?.dataset,
    segmentation: segmentation && { ...segmentation, classes: segmentation.dataset.classes },
    classification: classification && { ...classification, classes: classification.dataset.classes },
    custom,
  };
}

const withoutWeights = (name: string, modules: readonly string[], what: string): CheckpointError =>
  new CheckpointError(
    `the model "${name}" has no weights for ${modules.join(', ')}, which ${what} needs. Give a file for each as ` +
      `weights: { ${modules[0]?.split('.')[0]}: file, … }, or train them.`,
  );
