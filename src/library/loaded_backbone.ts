/// <reference lib="esnext.disposable" preserve="true" />
import type { NDArray } from '../arrays.ts';
import type { Stage } from '../backbones/index.ts';
import { EngineError } from '../errors.ts';
import type { DeviceTensor } from '../nn/index.ts';
import { checkMap } from './options.ts';

/** A backbone with its weights on an engine. */
export interface LoadedBackbone {
  readonly stages: readonly Stage[];
  /** Notes on the weights, such as the set that was taken, and a prefix that was taken off. */
  readonly notices: readonly string[];
  /** Takes an image N×C×H×W, normalised. Returns the pyramid: one N×C×H×W array per stage, finest first. */
  forward(image: NDArray): Promise<NDArray[]>;
  /** Does the same, but leaves the results on the device for further computation. The caller disposes them. */
  run(image: NDArray | DeviceTensor): Promise<DeviceTensor[]>;
  /** Frees the weights on the engine after the calls that have begun. Every call waits for the end of the first. */
  dispose(): Promise<void>;
  /** Does what `dispose` does: `await using backbone = await createBackbone(…)`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What a backbone is made of, on this thread or in a worker. */
interface BackboneParts extends Pick<LoadedBackbone, 'stages' | 'notices' | 'run'> {
  /** Frees what it holds, once the calls that have begun have ended. */
  readonly free: () => Promise<void>;
}

/** Returns a backbone that refuses calls once it is disposed, and ends those that have begun before it frees anything. */
export function loadedBackbone({ stages, notices, run, free }: BackboneParts): LoadedBackbone {
  let ended = Promise.resolve(); // once all calls have; a set of them would allocate in the old generation at each
  let disposal: Promise<void> | undefined;
  const whileAlive = async <T>(work: () => Promise<T>): Promise<T> => {
    if (disposal) throw new EngineError('the backbone was disposed. Create it again.');
    const result = work();
    const settled = result.then(
      () => {},
      () => {},
    );
    ended = ended.then(() => settled);
    return result;
  };
  const dispose = (): Promise<void> => {
    disposal ??= ended.then(free);
    return disposal;
  };
  return {
    stages,
    notices,
    run: (image) => whileAlive(() => run(image)),
    async forward(image) {
      checkMap(image);
      return whileAlive(async () => {
        const outputs = await run(image);
        try {
          return await Promise.all(outputs.map((output) => output.read()));
        } finally {
          for (const output of outputs) output.dispose();
        }
      });
    },
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}
