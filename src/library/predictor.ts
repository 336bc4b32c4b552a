/// <reference lib="esnext.disposable" preserve="true" />

import { ahead, type Source } from '../ahead.ts';
import type { NDArray, Size } from '../arrays.ts';
import { CheckpointError, ConfigError, ImageError, MoganetError, placed } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import type { ResolvedConfig } from '../models/config.ts';
import type { TaskKind } from '../models/task.ts';
import type { Engine } from '../nn/index.ts';
import type { ImageRef } from '../platform/contract.ts';
import { fileOf } from '../platform/refs.ts';
import type { Result } from '../results/result.ts';
import { checkImages, checkSource } from './images.ts';
import type { BatchOptions, FeaturesOptions, PredictOptions } from './options.ts';

/** The pyramid of an image: one 1×C×H×W array per stage, finest first. */
export interface Features extends Array<NDArray> {
  /**
   * The way back to the image: a position in a map, times the stride of its stage, divided by `scaleX` and `scaleY`, is one in pixels of
   * the image. Undefined for classifiers, which see a crop.
   */
  readonly geometry: Geometry | undefined;
}

/** Options of `warmUp`. */
export type WarmUpOptions = Pick<PredictOptions, 'size' | 'signal'>;

/** What runs a model, as facts. */
export type EngineFacts = Pick<Engine, 'name' | 'detail' | 'hint' | 'weakness' | 'lost'>;

/** The steps of `predict`, for a predictor that is made of others. */
export interface Steps<Custom, Options extends PredictOptions, Taken = unknown> {
  check(options: unknown, call: string): Options;
  take(image: ImageRef, options: Options): Taken;
  discard(taken: Taken): void;
  runAlone(taken: Taken, options: Options): Promise<Result<Custom>>;
  isDisposed(): boolean;
}

/** Images that are decoded at a time: one that the network runs, one before and one after it. */
export const mostAtWork = 3;

/**
 * What a loaded model can do, wherever it computes: `Model` on the thread that loaded it, `RemoteModel` of `moganet/worker` on another.
 * Code that takes a `Predictor` takes both.
 *
 * @typeParam Custom what the model's custom head decodes
 * @typeParam Taken an image as it was copied when the call came
 */
export abstract class Predictor<Custom = unknown, Options extends PredictOptions = PredictOptions, Taken = unknown> {
  abstract readonly name: string;
  /** The configuration with every default filled in. */
  abstract readonly config: ResolvedConfig;
  /** Class names by task. A custom head has an entry if it names its classes. */
  abstract readonly classes: Readonly<Partial<Record<TaskKind, readonly string[]>>>;
  /** Name and detail (threads, device) of what runs the network. */
  abstract readonly engine: EngineFacts;
  /** Modules without weights, which are yet to be trained. `predict` throws while there are any. */
  abstract readonly unfilled: readonly string[];
  /** Notes on the weights, such as the set that was taken, and other models that they fit. */
  abstract readonly notices: readonly string[];
  /** Hash of the weights, see `weightsHash`. */
  abstract readonly sha256: string | undefined;

  /**
   * Runs images together in batches. Only images whose inputs have one size share a batch, so a neighbour never changes a result: the numbers
   * are those of `predict`. With `padTogether` all are one batch, padded to the largest as the reference does; the padding reaches into the
   * features. A list that `predict` takes is as fast on a processor, and needs less memory.
   *
   * @throws as `predict` does for a list
   */
  abstract predictBatch(
    images: readonly ImageRef[],
    options?: Options & Pick<BatchOptions, 'padTogether'>,
  ): Promise<Result<Custom>[]>;

  /**
   * Returns the pyramid of an image that is prepared as for `predict`: one 1×C×H×W array per stage, finest first, with the geometry that
   * leads back to the image. Also works while heads have no weights.
   *
   * @throws as `predict`, and CheckpointError if the backbone itself has no weights
   */
  abstract features(image: ImageRef, options?: FeaturesOptions): Promise<Features>;

  /**
   * Frees the weights and the engine after the queued calls; images of a list or stream that had not begun are refused. Every call waits for
   * the end of the first.
   */
  abstract dispose(): Promise<void>;

  /** Whether `dispose` was called. */
  protected abstract readonly isDisposed: boolean;
  /** Returns a copy of the options, which may be undefined. @throws ConfigError for one that the call does not know */
  protected abstract check(options: unknown, call: string): Options;
  /** Copies what the caller may change after the call. An image that cannot be taken fails when it is run. */
  protected abstract take(image: ImageRef, options: Options): Taken;
  /** Frees an image that was taken and will not be run. */
  protected abstract discard(taken: Taken): void;
  /** Runs one image. @throws as `predict` */
  protected abstract runAlone(taken: Taken, options: Options): Promise<Result<Custom>>;

  /** Returns the steps of another predictor, which its callers do not see. */
  protected static stepsOf<Custom, Options extends PredictOptions, Taken>(
    one: Predictor<Custom, Options, Taken>,
  ): Steps<Custom, Options, Taken> {
    return {
      check: (options, call) => one.check(options, call),
      take: (image, options) => one.take(image, options),
      discard: (taken) => one.discard(taken),
      runAlone: (taken, options) => one.runAlone(taken, options),
      isDisposed: () => one.isDisposed,
    };
  }

  /**
   * Runs the model's tasks on an image, or on images one by one. Pixels, bytes and options are copied at the call: a change after it
   * changes no result. A list ends at the first image that fails, whose place the error names (`images[1]`); see `predictSettled`.
   *
   * @throws ImageError if the image cannot be read, ConfigError for an unknown class or task, CheckpointError naming the modules
   *   without weights, EngineError after `dispose()` or if the engine fails, the signal's reason if it was aborted
   */
  predict(image: ImageRef, options?: Options): Promise<Result<Custom>>;
  predict(images: readonly ImageRef[], options?: Options): Promise<Result<Custom>[]>;
  predict(images: ImageRef | readonly ImageRef[], options?: Options): Promise<Result<Custom> | Result<Custom>[]>;
  async predict(images: ImageRef | readonly ImageRef[], options?: Options): Promise<Result<Custom> | Result<Custom>[]> {
    const checked = this.check(options, 'predict');
    if (!isList(images)) return this.runAlone(this.take(images, checked), checked);
    refuseBoxes(checked);
    const results: Result<Custom>[] = [];
    for await (const one of this.listed(images, checked)) results.push(fulfilled(one));
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
    options?: Options,
  ): Promise<PromiseSettledResult<Result<Custom>>[]> {
    checkImages(images, 'predictSettled');
    const checked = this.check(options, 'predictSettled');
    refuseBoxes(checked);
    const results: PromiseSettledResult<Result<Custom>>[] = [];
    for await (const one of this.listed(images, checked)) {
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
  async *stream(images: Source<ImageRef>, options?: Options): AsyncGenerator<Result<Custom>, void, undefined> {
    for await (const one of this.slots(images, this.check(options, 'stream'))) yield fulfilled(one);
  }

  /**
   * Does what `stream` does. An image that fails costs its own slot, as in `predictSettled`.
   *
   * @throws what concerns every image, as `predictSettled`
   */
  async *streamSettled(
    images: Source<ImageRef>,
    options?: Options,
  ): AsyncGenerator<PromiseSettledResult<Result<Custom>>, void, undefined> {
    const checked = this.check(options, 'streamSettled');
    for await (const one of this.slots(images, checked)) yield this.costsItsSlot(one, checked);
  }

  /**
   * Runs the model once on an image of noise, so that shaders are compiled and memory is there before the first image comes. Give the `size`
   * that `predict` gets, if it gets one.
   *
   * @throws as `predict`
   */
  async warmUp({ size, signal, ...others }: WarmUpOptions = {}): Promise<void> {
    // the lowest score, so that the heads run on something
    await this.predict(noise(size), this.check({ ...others, size, signal, ...this.warmUpOptions() }, 'warmUp'));
  }

  /** Does what `dispose` does: `await using model = await loadModel(…)`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  private warmUpOptions(): PredictOptions {
    return this.classes.detection ? { score: 0, max: 1 } : {};
  }

  /** Runs the images of a list, all of which are copied at the call. */
  private async *listed(images: readonly ImageRef[], options: Options) {
    const waiting = new Set<{ readonly taken: Taken; readonly file: string | undefined }>();
    try {
      for (const image of images) waiting.add({ taken: this.take(image, options), file: fileOf(image) });
      const { signal } = options;
      yield* ahead(
        [...waiting],
        (one, i, stop) => {
          waiting.delete(one);
          return this.runInList(one.taken, { ...options, signal: stop }, i, one.file);
        },
        { most: mostAtWork, signal },
      );
    } finally {
      for (const { taken } of waiting) this.discard(taken);
    }
  }

  /** Runs images in order, the next ones beside the network. An image is copied when it is taken, as a camera overwrites its frames. */
  private slots(images: Source<ImageRef>, options: Options) {
    checkSource(images);
    refuseBoxes(options);
    const { signal } = options;
    const run = (image: ImageRef, i: number, stop: AbortSignal) =>
      this.runInList(this.take(image, options), { ...options, signal: stop }, i, fileOf(image));
    return ahead(images, run, { most: mostAtWork, signal });
  }

  private async runInList(taken: Taken, options: Options, slot: number, file: string | undefined) {
    try {
      return await this.runAlone(taken, options);
    } catch (error) {
      throw inList(error, slot, file);
    }
  }

  /** @throws the reason of a failure that is not that of one image */
  private costsItsSlot<T>(one: PromiseSettledResult<T>, { signal }: PredictOptions): PromiseSettledResult<T> {
    if (one.status === 'fulfilled') return one;
    signal?.throwIfAborted(); // an image that had failed before is not the reason
    const { reason } = one;
    const concernsAll = reason instanceof ConfigError || reason instanceof CheckpointError;
    if (concernsAll || (this.isDisposed && !(reason instanceof ImageError))) throw reason;
    return one;
  }
}

/** Refuses boxes for a list, whose images have boxes each. @throws ConfigError */
export function refuseBoxes({ boxes }: PredictOptions): void {
  if (boxes === undefined) return;
  throw new ConfigError('`boxes` are those of one image. Call predict for each image with its boxes.');
}

/** @throws the reason of a failure */
function fulfilled<T>(one: PromiseSettledResult<T>): T {
  if (one.status === 'rejected') throw one.reason;
  return one.value;
}

/** Says in an error which image of the caller's list it is about. A wrong option is about all of them. */
export function inList(error: unknown, slot: number, file: string | undefined): unknown {
  if (!(error instanceof MoganetError) || error instanceof ConfigError) return error;
  const isNamed = file === undefined || error.message.startsWith(file);
  return placed(error, isNamed ? `images[${slot}]` : `images[${slot}] (${file})`);
}

const isList = (images: ImageRef | readonly ImageRef[]): images is readonly ImageRef[] => Array.isArray(images);

/** Returns an image of noise, of the aspect ratio that `size` has. */
function noise(size: Size | undefined) {
  const { width, height } = size ?? { width: 128, height: 128 };
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < data.length; i++) data[i] = i % 4 === 3 ? 255 : (i * 2654435761) >>> 24;
  return { width, height, data };
}
