import { itemAt, type Named } from '../arrays.ts';
import { CheckpointError, ConfigError, EngineError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import type { ResolvedConfig } from '../models/config.ts';
import type { ModelDefinition } from '../models/create.ts';
import {
  augmentationsOf,
  type ImageTask,
  type Inputs,
  refuseViews,
  type Task,
  type TaskInputs,
  type TaskKind,
  type TaskResult,
} from '../models/task.ts';
import type { DeviceTensor, Engine, Runner } from '../nn/index.ts';
import type { ImageRef, Platform } from '../platform/contract.ts';
import { fileOf } from '../platform/refs.ts';
import type { Origin, ResultFields } from '../results/fields.ts';
import { Result } from '../results/result.ts';
import type { Pause } from '../slices.ts';
import { breather, nextTurn } from '../turn.ts';
import { equalBatches } from './batches.ts';
import { checkImage, checkImages, decodeRef, type TakenImage, takeImage } from './images.ts';
import { Lane } from './lane.ts';
import {
  type BatchOptions,
  checkBatch,
  checkFeatures,
  checkPredict,
  type FeaturesOptions,
  type PredictOptions,
} from './options.ts';
import {
  checkBoxes,
  checkTiles,
  mirroredView,
  type Pass,
  type PassRunner,
  type PreparedView,
  runBatches,
  runCrops,
  runEach,
  runInTiles,
  runWhole,
} from './passes.ts';
import { type Features, inList, mostAtWork, Predictor, refuseBoxes } from './predictor.ts';
import { stopwatch } from './timing.ts';

/** The facts about a model that do not depend on its engine. */
export interface ModelFacts {
  readonly definition: ModelDefinition;
  readonly unfilled: readonly string[];
  readonly notices: readonly string[];
  readonly sha256?: string | undefined;
}

/**
 * A model with its weights on an engine. Calls queue for the network, which runs one image after the other; while it does, the next image
 * is decoded and the last one postprocessed. Each image is run alone, so its neighbours never change its result. `Custom` is what its
 * custom head decodes.
 */
export class Model<Custom = unknown> extends Predictor<Custom, PredictOptions, TakenImage> {
  /** Every image from before it is decoded until its result is there: no more pixels are held than these. */
  private readonly atWork = new Lane(mostAtWork);
  /** The network: the tensors of one image are on the device at a time. */
  private readonly network = new Lane(1);
  private idle: Promise<unknown> = Promise.resolve();
  private disposal: Promise<void> | undefined;

  readonly definition: ModelDefinition;
  override readonly unfilled: readonly string[];
  override readonly notices: readonly string[];
  override readonly sha256: string | undefined;

  constructor(
    { definition, unfilled, notices, sha256 }: ModelFacts,
    private readonly runners: Named<Runner>,
    override readonly engine: Engine,
    private readonly platform: Platform,
  ) {
    super();
    this.definition = definition;
    this.unfilled = unfilled;
    this.notices = notices;
    this.sha256 = sha256;
  }

  override get name(): string {
    return this.definition.config.name ?? 'model';
  }

  override get config(): ResolvedConfig {
    return this.definition.config;
  }

  override get classes(): Readonly<Partial<Record<TaskKind, readonly string[]>>> {
    const named = this.definition.tasks.flatMap(({ kind, dataset }) => (dataset ? [[kind, dataset.classes]] : []));
    return Object.fromEntries(named);
  }

  override async predictBatch(images: readonly ImageRef[], options: BatchOptions = {}): Promise<Result<Custom>[]> {
    checkImages(images, 'predictBatch');
    const checked = checkBatch(options);
    refuseBoxes(checked);
    if (checked.padTogether) refuseViews('predictBatch with `padTogether`', checked);
    const taken = Array.from(images, (image) => this.take(image));
    return this.begin(checked, async (place) => (taken.length === 0 ? [] : this.run(taken, checked, place, inBatch)));
  }

  override async features(image: ImageRef, options: FeaturesOptions = {}): Promise<Features> {
    const checked = checkFeatures(options);
    const { size, signal } = checked;
    const taken = this.take(image);
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

  override dispose(): Promise<void> {
    this.disposal ??= this.disposeAfter(this.idle);
    return this.disposal;
  }

  private async disposeAfter(idle: Promise<unknown>): Promise<void> {
    await idle;
    try {
      for (const runner of Object.values(this.runners)) runner.dispose();
    } finally {
      await this.engine.dispose();
    }
  }

  protected override get isDisposed(): boolean {
    return this.disposal !== undefined;
  }

  protected override check(options: unknown = {}, call: string): PredictOptions {
    return checkPredict(options, call);
  }

  protected override take(image: ImageRef): TakenImage {
    return takeImage(image, this.platform);
  }

  protected override discard(): void {} // a copy in memory, which is collected

  protected override async runAlone(image: TakenImage, options: PredictOptions): Promise<Result<Custom>> {
    checkImage(image);
    const [result] = await this.begin(options, (place) => this.run([image], options, place));
    return result as Result<Custom>; // one image, one result
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
    refs: readonly TakenImage[],
    options: BatchOptions,
    { begun, network, leaveNetwork }: Place,
    ofImage = (error: unknown, _slot: number, _image: TakenImage): unknown => error,
  ): Promise<Result<Custom>[]> {
    const { signal } = options;
    if (this.unfilled.length > 0) throw withoutWeights(this.name, this.unfilled, 'predict');
    const tasks = this.tasksFor(options.only);
    for (const task of tasks) task.check?.(options, options.size);
    checkTiles(tasks, options);
    checkBoxes(tasks, options);
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
    /** Runs the network on images together, and then what reads its outputs. */
    const pass: Pass = async (together, readers, visit, whenFree = () => {}, ready) => {
      const prepared = ready ?? (await clock.time('preprocess', () => this.prepareViews(together, options, pause)));
      await clock.wait(network);
      const wanted = readers.flatMap(({ kind }: Task) => this.definition.outputs[kind] ?? []);
      const run: TaskInputs['run'] = async (part, inputs) => {
        const runner = this.runners[part];
        if (!runner) throw new RangeError(`the model "${this.name}" has no part "${part}"`);
        await this.turn(signal);
        return clock.time(part, () => runner.run(inputs, part === 'features' ? wanted : undefined, signal));
      };
      const views = prepared.map((view) => new RunningView(view, run));
      try {
        for (const [n, task] of readers.entries()) {
          if (n > 0) await this.turn(signal); // the arithmetic of a task may have taken long
          const seen = views.map((view) => ({
            get image() {
              return view.inputs.image; // which may be made only now
            },
            cut: view.inputs.cut,
            geometries: view.inputs.geometries,
            flipped: view.flipped,
            run,
            pause,
            features: () => view.features(),
            networkDone: async () => {
              if (n < readers.length - 1) return;
              await view.release();
              if (views.every(({ isReleased }) => isReleased)) whenFree();
            },
          }));
          await clock.rest(task.kind, () => visit(task, seen));
        }
      } finally {
        for (const view of views) await view.release();
      }
    };
    const beside = !this.engine.blocking;
    const found = await this.findings(images, tasks, { options, pass, leaveNetwork, clock, pause, beside });
    await this.turn(signal);
    const timings = clock.finish();
    return images.map((image, i) => {
      const origin = this.originOf(refs[i]);
      // the head that `loadModel` took `Custom` from decoded it
      return new Result({ ...fieldsOf(found[i] ?? {}), image, timings, origin } as ResultFields<Custom>);
    });
  }

  /** Returns what the tasks find in each image. Only images of one input size run together, unless the caller wants them padded. */
  private async findings(
    images: readonly Raster[],
    tasks: readonly Task[],
    run: Omit<PassRunner<BatchOptions>, 'tasks'>,
  ): Promise<TaskResult[]> {
    const { options, pass, leaveNetwork, clock, pause } = run;
    const [first] = tasks;
    if (first?.inCrops) return runCrops(images, first, run); // it shares a model with no other
    const runner = { ...run, tasks: tasks as readonly ImageTask[] };
    const { tiles, size, padTogether } = options;
    if (tiles !== undefined) return runInTiles(images, tiles, runner);
    if (images.length === 1 || padTogether) return runWhole(images, runner.tasks, options, pass, leaveNetwork);
    const views = augmentationsOf(options);
    if (views.length > 1) return runEach(images, runner);
    const { scale } = itemAt(views, 0);
    const prepare = (image: Raster) => this.definition.prepareInSlices([image], size, pause, scale);
    const batches = await clock.time('preprocess', () => equalBatches(images, prepare));
    return runBatches(images, batches, runner);
  }

  /** Prepares each view of the images, in mmdet's order. */
  private async prepareViews(
    images: readonly Raster[],
    options: PredictOptions,
    pause: Pause,
  ): Promise<PreparedView[]> {
    const views: PreparedView[] = [];
    let upright: Inputs | undefined; // of the scale before, which comes mirrored as well
    for (const { scale, flipped } of augmentationsOf(options)) {
      if (!flipped || !upright) upright = await this.definition.prepareInSlices(images, options.size, pause, scale);
      views.push(flipped ? mirroredView(upright) : { inputs: upright, flipped });
      await pause();
    }
    return views;
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

/** A view and its features, which are on the device from when they are first asked for until they are released. */
class RunningView {
  private outputs: Promise<Named<DeviceTensor>> | undefined;
  isReleased = false;

  readonly inputs: Inputs;
  readonly flipped: boolean;

  constructor(
    { inputs, flipped }: PreparedView,
    private readonly run: TaskInputs['run'],
  ) {
    this.inputs = inputs;
    this.flipped = flipped;
  }

  features(): Promise<Named<DeviceTensor>> {
    this.outputs ??= this.run('features', { image: this.inputs.image });
    return this.outputs;
  }

  async release(): Promise<void> {
    await this.outputs?.then(free, () => undefined);
    this.isReleased = true;
  }
}

const inBatch = (error: unknown, slot: number, image: TakenImage): unknown => inList(error, slot, fileOf(image));

function free(tensors: Named<DeviceTensor>): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** Returns the fields of a result for the findings of all tasks. */
function fieldsOf({
  detections,
  segmentation,
  classification,
  poses,
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
    poses,
    custom,
  };
}

const withoutWeights = (name: string, modules: readonly string[], what: string): CheckpointError =>
  new CheckpointError(
    `the model "${name}" has no weights for ${modules.join(', ')}, which ${what} needs. Give a file for each as ` +
      `weights: { ${modules[0]?.split('.')[0]}: file, … }, or train them.`,
  );
