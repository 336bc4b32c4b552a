import * as z from 'zod/mini';
import { ConfigError, DroppedError, EngineError } from '../errors.ts';
import { checkImages } from '../library/images.ts';
import {
  type BatchOptions,
  batchOption,
  checkFeatures,
  type FeaturesOptions,
  type PredictOptions,
  predictOptions,
} from '../library/options.ts';
import { type EngineFacts, type Features, inList, Predictor, refuseBoxes } from '../library/predictor.ts';
import type { ResolvedConfig } from '../models/config.ts';
import type { TaskKind } from '../models/task.ts';
import type { ImageRef } from '../platform/contract.ts';
import type { RenderOptions } from '../results/drawing.ts';
import type { Result } from '../results/result.ts';
import { isObject, validateOptions } from '../validate.ts';
import type { Line, Parcel } from './line.ts';
import type { Calls, EngineParcel, ModelParcel, Plain } from './messages.ts';
import { freeAll, type SendOptions, type TakenImage, takeForThread } from './page_images.ts';
import { type DrawnResult, unpackResult } from './parcels.ts';

/** Options of a prediction in a worker. */
export interface RemotePredictOptions extends PredictOptions {
  /**
   * For frames of a video or camera: at most one frame runs and one waits. A newer frame takes the place of the one that waits, whose call
   * rejects with a `DroppedError`. Counts the calls of this model that have the option.
   */
  readonly latest?: boolean | undefined;
  /** Also draws the result in the worker, as `result.render` does: `result.bitmap` is an `ImageBitmap`. `true` stands for `{}`. */
  readonly draw?: RenderOptions | boolean | undefined;
  /** Sends a copy of an `ImageBitmap` or `VideoFrame`. By default it moves to the worker, and is closed when it is done with. */
  readonly keep?: boolean | undefined;
}

/** A share in a worker, which ends with the last one. */
export interface Share {
  readonly line: Line;
  /** Gives the share back, once. Returns true if the worker has ended. */
  release(): boolean;
}

/** Gives a share back, and frees what it had in the thread. With the end of the thread it is free, whoever ends it meanwhile. */
export async function endShare({ line, release }: Share, owner: number): Promise<void> {
  if (release() || line.hasFailed) return;
  await line
    .call('dispose', () => ({ request: { owner } }))
    .catch((error: unknown) => {
      if (!line.hasFailed) throw error;
    });
}

/** A frame that waits for the one that runs. */
interface Waiting {
  begin(): void;
  drop(): void;
}

const yesOrNo = z.optional(z.boolean({ error: 'must be true or false' }));
const remoteOptions = z.extend(predictOptions, {
  latest: yesOrNo,
  draw: z.optional(
    z.custom<RenderOptions | boolean>((value) => typeof value === 'boolean' || isObject(value), {
      error: 'must be true, or the options of result.render',
    }),
  ),
  keep: yesOrNo,
});
const remoteBatchOptions = z.extend(remoteOptions, batchOption);

/**
 * A model in a worker. It does what `Model` does, and its results are the same: they are made on this side of typed arrays that were
 * transferred. Calls are answered in order.
 */
export class RemoteModel<Custom = unknown> extends Predictor<Custom, RemotePredictOptions, TakenImage> {
  readonly #parcel: ModelParcel;
  readonly #share: Share;
  readonly #running = new Set<Promise<unknown>>();
  #frameRuns = false;
  #waiting: Waiting | undefined;
  #disposal: Promise<void> | undefined;

  override readonly name: string;
  override readonly config: ResolvedConfig;
  override readonly classes: Readonly<Partial<Record<TaskKind, readonly string[]>>>;
  override readonly engine: RemoteEngine;
  override readonly unfilled: readonly string[];
  override readonly notices: readonly string[];
  override readonly sha256: string | undefined;

  constructor(parcel: ModelParcel, share: Share) {
    super();
    this.#parcel = parcel;
    this.#share = share;
    this.name = parcel.name;
    this.config = parcel.config;
    this.classes = parcel.classes;
    this.engine = new RemoteEngine(parcel.engine);
    this.unfilled = parcel.unfilled;
    this.notices = parcel.notices;
    this.sha256 = parcel.sha256;
  }

  /** Draws the result in the worker as well: `result.bitmap`. */
  override predict(
    image: ImageRef,
    options: RemotePredictOptions & { readonly draw: RenderOptions | true },
  ): Promise<DrawnResult<Custom>>;
  override predict(image: ImageRef, options?: RemotePredictOptions): Promise<Result<Custom>>;
  override predict(images: readonly ImageRef[], options?: RemotePredictOptions): Promise<Result<Custom>[]>;
  override predict(
    images: ImageRef | readonly ImageRef[],
    options?: RemotePredictOptions,
  ): Promise<Result<Custom> | Result<Custom>[]>;
  override async predict(
    images: ImageRef | readonly ImageRef[],
    options?: RemotePredictOptions,
  ): Promise<Result<Custom> | Result<Custom>[]> {
    if (Array.isArray(images) && options?.latest) throw latestOfOne('a list');
    return super.predict(images, options);
  }

  override async predictBatch(
    images: readonly ImageRef[],
    options?: RemotePredictOptions & Pick<BatchOptions, 'padTogether'>,
  ): Promise<Result<Custom>[]> {
    checkImages(images, 'predictBatch');
    const checked = this.check(options, 'predictBatch');
    refuseBoxes(checked);
    if (checked.draw) throw new ConfigError('predictBatch draws nothing. Leave `draw` out, or use predict.');
    const taken = images.map((image) => this.take(image, checked));
    this.#expectInUse(taken);
    const prepare = async () => {
      const sent = await allSent(taken, checked);
      const request = { model: this.#parcel.model, images: sent.map(({ image }) => image), options: plain(checked) };
      return { request, moved: sent.flatMap(({ moved }) => moved) };
    };
    const parcels = await this.#call('predictBatch', prepare, checked);
    return parcels.map((parcel, i) => unpackResult<Custom>(parcel, this.#parcel, taken[i]?.file));
  }

  override async features(image: ImageRef, options: FeaturesOptions = {}): Promise<Features> {
    const checked = checkFeatures(options);
    const taken = takeForThread(image, false);
    this.#expectInUse([taken]);
    const { signal: _, ...others } = checked;
    const prepare = async () => {
      const sent = await taken.send(checked);
      return { request: { model: this.#parcel.model, image: sent.image, options: others }, moved: sent.moved };
    };
    const { maps, geometry } = await this.#call('features', prepare, checked);
    return Object.assign([...maps], { geometry });
  }

  override dispose(): Promise<void> {
    this.#disposal ??= this.#end();
    return this.#disposal;
  }

  async #end(): Promise<void> {
    await Promise.allSettled(this.#running);
    await endShare(this.#share, this.#parcel.model);
  }

  protected override get isDisposed(): boolean {
    return this.#disposal !== undefined;
  }

  protected override check(options: unknown = {}, call: string): RemotePredictOptions {
    const schema = call === 'predictBatch' ? remoteBatchOptions : remoteOptions;
    const checked = validateOptions(schema, options, call);
    if (checked.latest && call !== 'predict') throw latestOfOne(call);
    const hasFunction = isObject(checked.draw) && Object.values(checked.draw).some((one) => typeof one === 'function');
    if (hasFunction)
      throw new ConfigError(`${call}: \`draw\` has a function, which cannot go to a worker. Use result.render.`);
    return checked;
  }

  protected override take(image: ImageRef, { keep = false }: RemotePredictOptions): TakenImage {
    return takeForThread(image, keep);
  }

  protected override discard(taken: TakenImage): void {
    taken.discard();
  }

  protected override async runAlone(taken: TakenImage, options: RemotePredictOptions): Promise<Result<Custom>> {
    this.#expectInUse([taken]);
    return options.latest ? this.#runLatest(taken, options) : this.#run(taken, options);
  }

  async #run(taken: TakenImage, options: RemotePredictOptions): Promise<Result<Custom>> {
    const draw = options.draw === true ? {} : options.draw || undefined;
    const prepare = async () => {
      const { image, moved } = await taken.send(options);
      return { request: { model: this.#parcel.model, image, options: plain(options), draw }, moved };
    };
    return unpackResult(await this.#call('predict', prepare, options), this.#parcel, taken.file);
  }

  /** Runs a frame if none runs. Otherwise it waits, in place of the one that waited. */
  #runLatest(taken: TakenImage, options: RemotePredictOptions): Promise<Result<Custom>> {
    const { signal } = options;
    if (signal?.aborted) return this.#run(taken, options); // which it does not: no frame has to wait
    if (!this.#frameRuns) return this.#runFrame(taken, options);
    this.#waiting?.drop();
    const result = new Promise<Result<Custom>>((resolve, reject) => {
      const leave = (): void => {
        signal?.removeEventListener('abort', giveUp);
        this.#waiting = undefined;
      };
      const refuse = (reason: unknown): void => {
        leave();
        taken.discard();
        reject(reason);
      };
      const giveUp = (): void => refuse(signal?.reason);
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#waiting = {
        begin: () => {
          leave();
          this.#runFrame(taken, options).then(resolve, reject);
        },
        drop: () => refuse(new DroppedError('this frame was dropped: a newer one came before its turn.')),
      };
    });
    this.#track(result);
    return result;
  }

  #runFrame(taken: TakenImage, options: RemotePredictOptions): Promise<Result<Custom>> {
    this.#frameRuns = true;
    const result = this.#run(taken, options);
    const next = (): void => {
      this.#frameRuns = false;
      this.#waiting?.begin();
    };
    result.then(next, next);
    return result;
  }

  /** Frees the images of a call that came too late. @throws EngineError if the model was disposed */
  #expectInUse(taken: readonly TakenImage[]): void {
    if (!this.isDisposed) return;
    for (const one of taken) one.discard();
    throw new EngineError(`the model "${this.name}" was disposed. Load it again.`);
  }

  /** Calls the thread, which frees the images that it gets. */
  async #call<K extends 'predict' | 'predictBatch' | 'features'>(
    call: K,
    prepare: () => Promise<Parcel<K>>,
    { signal }: FeaturesOptions,
  ): Promise<Calls[K]['reply']> {
    const onLost = () => {
      this.engine.lost = true;
    };
    const late = (reply: Calls[K]['reply']) => {
      if ('bitmap' in reply) reply.bitmap?.close();
    };
    return this.#track(this.#share.line.call(call, prepare, { signal, onLost, onLate: late }));
  }

  /** `dispose` waits for it. */
  #track<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work);
    const done = () => void this.#running.delete(work);
    work.then(done, done);
    return work;
  }
}

/** The engine of the thread. It is known to be lost when a call has failed for that. */
class RemoteEngine implements EngineFacts {
  readonly name: string;
  readonly detail: string;
  readonly hint: string | undefined;
  readonly weakness: string | undefined;
  lost = false;

  constructor({ name, detail, hint, weakness }: EngineParcel) {
    this.name = name;
    this.detail = detail;
    this.hint = hint;
    this.weakness = weakness;
  }

  toString(): string {
    return `${this.name} (${this.detail})`;
  }
}

const latestOfOne = (what: string): ConfigError =>
  new ConfigError(
    `\`latest\` is an option of predict with one image, not of ${what}. Leave it out: every image is wanted.`,
  );

/** Returns the options that the thread knows. */
function plain({
  signal: _,
  latest: __,
  draw: ___,
  keep: ____,
  ...others
}: RemotePredictOptions): Plain<PredictOptions> {
  return others;
}

/** @throws the reason of the first image that cannot be sent, with its place; the others are freed */
async function allSent(taken: readonly TakenImage[], options: SendOptions) {
  const sent = await Promise.allSettled(taken.map((one) => one.send(options)));
  const moved = sent.flatMap((one) => (one.status === 'fulfilled' ? one.value.moved : []));
  return sent.map((one, i) => {
    if (one.status === 'fulfilled') return one.value;
    freeAll(moved);
    throw inList(one.reason, i, taken[i]?.file);
  });
}
