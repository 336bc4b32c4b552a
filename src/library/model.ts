import type { Named, NDArray, Size } from '../arrays.ts';
import { CheckpointError, ConfigError, EngineError } from '../errors.ts';
import type { ModelDefinition } from '../models/create.ts';
import type { Task, TaskInputs, TaskKind, TaskOptions, TaskResult } from '../models/task.ts';
import type { DeviceTensor, Engine, Runner } from '../nn/index.ts';
import type { ImageRef, Platform } from '../platform/contract.ts';
import { fileOf } from '../platform/refs.ts';
import type { Origin, ResultFields } from '../results/fields.ts';
import { Result } from '../results/result.ts';
import { checkImage, checkImages, decodeRef } from './images.ts';
import { checkFeatures, checkPredict } from './options.ts';
import { nextTurn, stopwatch } from './timing.ts';

/** Values of one prediction that differ from the configuration. */
export interface PredictOptions extends TaskOptions {
  /** Fit the image between these edges instead of the configuration's. For classification the crop, which is square. */
  readonly size?: Size | undefined;
  /** Run this task of a model that has several, and skip the work for the others. */
  readonly only?: TaskKind | undefined;
  /**
   * Stops the work with the signal's reason, at the latest before the next part of the model. TensorFlow.js computes on the caller's
   * thread and sees an abort between parts only: use a worker to keep a page responsive.
   */
  readonly signal?: AbortSignal | undefined;
}

/** The facts about a model that do not depend on its engine. */
export interface ModelFacts {
  readonly definition: ModelDefinition;
  readonly unfilled: readonly string[];
  readonly notices: readonly string[];
  readonly sha256?: string | undefined;
}

/** A model with its weights on an engine. Calls queue. Each image is run alone, so its neighbours never change its result. */
export class Model {
  private queue: Promise<unknown> = Promise.resolve();
  private disposed = false;

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
   * Runs the model's tasks on an image, or on images one by one.
   *
   * @throws ImageError if the image cannot be read, ConfigError for an unknown class or task, CheckpointError naming the modules
   *   without weights, EngineError after `dispose()`, the signal's reason if it was aborted
   */
  predict(image: ImageRef, options?: PredictOptions): Promise<Result>;
  predict(images: readonly ImageRef[], options?: PredictOptions): Promise<Result[]>;
  async predict(images: ImageRef | readonly ImageRef[], options: PredictOptions = {}): Promise<Result | Result[]> {
    checkPredict(options);
    if (!isList(images)) {
      checkImage(images);
      const [result] = await this.enqueue(() => this.run([images], options));
      return result as Result; // one image, one result
    }
    const results: Result[] = [];
    for (const image of images) results.push(await this.predict(image, options));
    return results;
  }

  /**
   * Runs images together as one batch, as the reference does: pads each to the largest. The padding reaches into the features, so numbers
   * differ a little from those of `predict`. Classification gives the same numbers, since its crops have one size.
   *
   * @throws as `predict`
   */
  async predictBatch(images: readonly ImageRef[], options: PredictOptions = {}): Promise<Result[]> {
    checkImages(images);
    checkPredict(options);
    return this.enqueue(() => (images.length === 0 ? Promise.resolve([]) : this.run(images, options)));
  }

  /**
   * Returns the pyramid of an image that is prepared as for `predict`: one 1×C×H×W array per stage, finest first. Also works while
   * heads have no weights.
   *
   * @throws as `predict`, and CheckpointError if the backbone itself has no weights
   */
  async features(image: ImageRef, options: Pick<PredictOptions, 'size' | 'signal'> = {}): Promise<NDArray[]> {
    checkFeatures(options);
    return this.enqueue(async () => {
      const runner = this.runners.features ?? this.runners.backbone;
      if (!runner) throw withoutWeights(this.name, this.unfilled, 'features');
      const raster = await decodeRef(image, this.platform, options.signal);
      const input = this.definition.prepare([raster], options.size);
      await this.turn(options.signal);
      const outputs = await runner.run({ image: input.image });
      try {
        const stages = Object.entries(outputs).filter(([name]) => /^stage\d+$/.test(name));
        return await Promise.all(stages.map(([, tensor]) => tensor.read()));
      } finally {
        free(outputs);
      }
    });
  }

  /** Frees the weights and the engine after the queued calls. A second call does nothing. */
  async dispose(): Promise<void> {
    if (this.disposed) return;
    const idle = this.queue;
    this.disposed = true;
    await idle;
    for (const runner of Object.values(this.runners)) runner.dispose();
    await this.engine.dispose();
  }

  private enqueue<T>(call: () => Promise<T>): Promise<T> {
    if (this.disposed) return Promise.reject(new EngineError(`the model "${this.name}" was disposed. Load it again.`));
    const result = this.queue.then(call);
    this.queue = result.catch(() => undefined);
    return result;
  }

  private async run(refs: readonly ImageRef[], options: PredictOptions): Promise<Result[]> {
    const { signal } = options;
    if (this.unfilled.length > 0) throw withoutWeights(this.name, this.unfilled, 'predict');
    const tasks = this.tasksFor(options.only);
    for (const task of tasks) task.check?.(options);
    const clock = stopwatch();
    const images = await clock.time('decode', () =>
      Promise.all(refs.map((ref) => decodeRef(ref, this.platform, signal))),
    );
    signal?.throwIfAborted();
    const prepared = await clock.time('preprocess', async () => this.definition.prepare(images, options.size));

    const run: TaskInputs['run'] = async (part, inputs) => {
      const runner = this.runners[part];
      if (!runner) throw new RangeError(`the model "${this.name}" has no part "${part}"`);
      await this.turn(signal);
      return clock.time(part, () => runner.run(inputs));
    };
    let features: Promise<Named<DeviceTensor>> | undefined;
    const inputs: TaskInputs = {
      ...prepared,
      run,
      features: () => {
        features ??= run('features', { image: prepared.image });
        return features;
      },
    };
    const found: TaskResult[] = images.map(() => ({}));
    try {
      for (const task of tasks) {
        const results = await clock.rest(task.kind, () => task.predict(inputs, options));
        for (const [i, result] of results.entries()) found[i] = { ...found[i], ...result };
      }
    } finally {
      await features?.then(free, () => undefined);
    }
    const timings = clock.finish();
    return images.map((image, i) => {
      const origin = this.originOf(refs[i]);
      return new Result({ ...fieldsOf(found[i] ?? {}), image, timings, origin });
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
