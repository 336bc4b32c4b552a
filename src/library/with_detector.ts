import * as z from 'zod/mini';
import { poseDatasetOf } from '../datasets/index.ts';
import { ConfigError, EngineError, unknownName } from '../errors.ts';
import { hasCrop } from '../image/crop_places.ts';
import type { ResolvedConfig } from '../models/config.ts';
import type { TaskKind } from '../models/task.ts';
import type { ImageRef } from '../platform/contract.ts';
import type { Result } from '../results/result.ts';
import { foundIn, isObject, validateOptions } from '../validate.ts';
import { type BatchOptions, type FeaturesOptions, type PredictOptions, predictOptions } from './options.ts';
import { type EngineFacts, type Features, Predictor, type Steps, type WarmUpOptions } from './predictor.ts';

/** How a detector finds the boxes for poses. */
export interface DetectorOptions extends Pick<PredictOptions, 'iou' | 'max' | 'size' | 'tiles'> {
  /** The detector's class whose boxes are taken. By default the class of the pose model, such as `person`. */
  readonly class?: string | undefined;
  /** The least score of a box. By default 0.3. */
  readonly score?: number | undefined;
  /**
   * Drops a pose that is this similar (OKS) to a better one; 1 keeps all. By default 0.9, or 1 if the keypoints have no sigmas. The option
   * `oks` of `predict` goes first.
   */
  readonly oks?: number | undefined;
}

const detectorOptions = z.extend(
  z.pick(predictOptions, { score: true, iou: true, max: true, size: true, tiles: true, oks: true }),
  { class: z.optional(z.string({ error: 'must be the name of a class of the detector' })) },
);

/**
 * Joins a pose model with a detector to one predictor: `predict` decodes an image once, finds the instances of a class, and the pose in
 * each of their boxes, best first. Lists, streams and evaluation work as with one model. Options of `predict` are those of the pose model
 * without `boxes`; `dispose` frees both models. Works for models of this thread and of a worker.
 *
 * @throws ConfigError if the first model finds no poses, the second no instances or none of the class, or for a wrong option
 */
export function withDetector<Custom, Options extends PredictOptions>(
  pose: Predictor<Custom, Options>,
  detector: Predictor,
  options: DetectorOptions = {},
): PosesOfDetector<Custom, Options> {
  return new PosesOfDetector(pose, detector, options);
}

/** A pose model whose boxes come from a detector: see `withDetector`. */
export class PosesOfDetector<Custom = unknown, Options extends PredictOptions = PredictOptions> extends Predictor<
  Custom,
  Options
> {
  readonly pose: Predictor<Custom, Options>;
  readonly detector: Predictor;
  /** The detector's class whose boxes are taken. */
  readonly class: string;

  readonly #posing: Steps<Custom, Options>;
  readonly #detecting: Steps<unknown, PredictOptions>;
  readonly #detection: PredictOptions;
  readonly #oks: number | undefined;
  readonly #running = new Set<Promise<unknown>>();
  #disposal: Promise<void> | undefined;

  /** @throws ConfigError as `withDetector` */
  constructor(pose: Predictor<Custom, Options>, detector: Predictor, options: DetectorOptions = {}) {
    super();
    for (const [what, model] of Object.entries({
      'a pose model first': pose,
      'the detector as its second value': detector,
    })) {
      if (isModel(model)) continue;
      throw new ConfigError(`withDetector takes ${what}, as loadModel resolves to it, got ${foundIn(model)}.`);
    }
    const given = validateOptions(detectorOptions, options, 'withDetector');
    const { class: name = pose.classes.pose?.[0], score = 0.3, oks, ...others } = given;
    if (!pose.config.pose || name === undefined) {
      throw new ConfigError(
        `withDetector: the model "${pose.name}" finds no poses. Give a pose model first, then the detector.`,
      );
    }
    this.pose = pose;
    this.detector = detector;
    this.class = name;
    this.#posing = Predictor.stepsOf(pose);
    this.#detecting = Predictor.stepsOf(detector);
    this.#detection = { ...others, score, classes: [detectedClass(detector, name)], only: 'detection' };
    this.#oks = oks ?? (poseDatasetOf(pose.config.pose).keypoints.sigmas ? 0.9 : undefined);
  }

  override get name(): string {
    return this.pose.name;
  }

  override get config(): ResolvedConfig {
    return this.pose.config;
  }

  override get classes(): Readonly<Partial<Record<TaskKind, readonly string[]>>> {
    return this.pose.classes;
  }

  /** That of the pose model, or that of the detector if it is lost. */
  override get engine(): EngineFacts {
    return this.detector.engine.lost ? this.detector.engine : this.pose.engine;
  }

  override get unfilled(): readonly string[] {
    return [...this.pose.unfilled, ...this.detector.unfilled];
  }

  override get notices(): readonly string[] {
    return [...this.pose.notices, ...this.detector.notices];
  }

  override get sha256(): string | undefined {
    return this.pose.sha256;
  }

  override async predictBatch(
    images: readonly ImageRef[],
    options?: Options & Pick<BatchOptions, 'padTogether'>,
  ): Promise<Result<Custom>[]> {
    const { padTogether, ...others } = options ?? ({} as Options & Pick<BatchOptions, 'padTogether'>);
    const checked = this.check(others, 'predictBatch');
    return this.#begin(async () => {
      const found = await this.detector.predictBatch(images, { ...this.#detectionFor(checked), padTogether });
      return Promise.all(found.map((one) => this.#posesOf(one, checked)));
    });
  }

  override features(image: ImageRef, options?: FeaturesOptions): Promise<Features> {
    return this.pose.features(image, options);
  }

  /** Runs both models once, see `Predictor.warmUp`. */
  override warmUp(options?: WarmUpOptions): Promise<void> {
    return this.#begin(async () => {
      await this.pose.warmUp(options);
      await this.detector.warmUp({ size: this.#detection.size, signal: options?.signal });
    });
  }

  override dispose(): Promise<void> {
    this.#disposal ??= this.#end();
    return this.#disposal;
  }

  async #end(): Promise<void> {
    await Promise.allSettled(this.#running);
    await Promise.all([this.detector.dispose(), this.pose.dispose()]);
  }

  protected override get isDisposed(): boolean {
    return this.#disposal !== undefined || this.#posing.isDisposed() || this.#detecting.isDisposed();
  }

  protected override check(options: unknown, call: string): Options {
    const checked = this.#posing.check(options, call);
    if (checked.boxes === undefined) return checked;
    throw new ConfigError(
      `options of ${call}: \`boxes\` come from the detector "${this.detector.name}". Leave them out, or call the pose model itself.`,
    );
  }

  protected override take(image: ImageRef, options: Options): unknown {
    return this.#detecting.take(image, options);
  }

  protected override discard(taken: unknown): void {
    this.#detecting.discard(taken);
  }

  protected override async runAlone(taken: unknown, options: Options): Promise<Result<Custom>> {
    if (this.#disposal) this.discard(taken);
    return this.#begin(async () =>
      this.#posesOf(await this.#detecting.runAlone(taken, this.#detectionFor(options)), options),
    );
  }

  /** Begins a call, for which `dispose` waits: between the two models it is in the queue of neither. */
  #begin<T>(call: () => Promise<T>): Promise<T> {
    if (this.#disposal) return Promise.reject(new EngineError(`the model "${this.name}" was disposed. Load it again.`));
    const work = call();
    this.#running.add(work);
    const done = () => void this.#running.delete(work);
    work.then(done, done);
    return work;
  }

  /** The options of the detector, for a call with the pose model's. */
  #detectionFor({ signal, maxPixels, ...others }: PredictOptions): PredictOptions {
    const { latest } = others as { readonly latest?: boolean | undefined }; // of a worker: a frame may be dropped at both models
    return latest === undefined
      ? { ...this.#detection, signal, maxPixels }
      : ({ ...this.#detection, signal, maxPixels, latest } as PredictOptions);
  }

  async #posesOf(found: Result, options: Options): Promise<Result<Custom>> {
    const { image } = found;
    // a box that was cut off at the edge of the image may have nothing left
    const shape = this.config.pose?.input;
    const { boxes, scores } = found.filter(({ box }) => hasCrop(box, shape));
    const posing = { ...options, boxes: { boxes, scores }, oks: options.oks ?? this.#oks };
    const posed = await this.#posing.runAlone(this.#posing.take(image, posing), posing);
    const file = found.origin?.file;
    const origin = posed.origin && { ...posed.origin, file };
    // nobody else has this result yet
    return Object.assign(posed, { timings: summed(found.timings, posed.timings), origin });
  }
}

/** Tells a model by what is read of it: bundles may have their own classes. */
const isModel = (value: unknown): boolean => isObject(value) && isObject(value.classes) && isObject(value.config);

/** @throws ConfigError naming the detector and the nearest class that it has */
function detectedClass({ name, classes }: Predictor, wanted: string): string {
  const known = classes.detection;
  if (!known) {
    const kinds = Object.keys(classes).join(', ') || 'nothing of the kind';
    throw new ConfigError(
      `withDetector: "${name}" detects no instances: it does ${kinds}. Give a detector with the class "${wanted}".`,
    );
  }
  if (known.includes(wanted)) return wanted;
  throw new ConfigError(
    `withDetector: the detector "${name}" does not find "${wanted}": ${unknownName('class', wanted, known)} Choose another detector, or the option \`class\`.`,
  );
}

/** Adds two measurements, step by step. */
function summed(first: Result['timings'], second: Result['timings']): Result['timings'] {
  const names = [...new Set([...Object.keys(first), ...Object.keys(second)])];
  return Object.fromEntries(names.map((name) => [name, (first[name] ?? 0) + (second[name] ?? 0)]));
}
