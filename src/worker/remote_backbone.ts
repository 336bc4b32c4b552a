/// <reference lib="esnext.disposable" preserve="true" />
import type { NDArray } from '../arrays.ts';
import { EngineError } from '../errors.ts';
import type { LoadedBackbone } from '../library/load.ts';
import { checkMap } from '../library/options.ts';
import type { DeviceTensor } from '../nn/index.ts';
import type { Calls } from './messages.ts';
import { endShare, type Share } from './remote_model.ts';

/** A backbone in a worker. Its tensors stay on the thread's device until they are read. */
export function remoteBackbone(
  { backbone, stages, notices }: Calls['createBackbone']['reply'],
  share: Share,
): LoadedBackbone {
  const { line } = share;
  const numbers = new WeakMap<DeviceTensor, number>();
  const running = new Set<Promise<unknown>>();
  let disposal: Promise<void> | undefined;

  const whileAlive = async <T>(work: () => Promise<T>): Promise<T> => {
    if (disposal) throw new EngineError('the backbone was disposed. Create it again.');
    const result = work();
    running.add(result);
    return result.finally(() => running.delete(result));
  };
  const tensorOf = (tensor: number, shape: readonly number[]): DeviceTensor => {
    let isDisposed = false;
    const remote: DeviceTensor = {
      shape,
      read: async () => {
        if (isDisposed) throw new EngineError('this tensor was disposed.');
        return line.call('read', () => ({ request: { tensor } }));
      },
      dispose: () => {
        if (!isDisposed) line.free(tensor);
        isDisposed = true;
      },
    };
    numbers.set(remote, tensor);
    return remote;
  };
  /** Copies an array, as the caller may change it; names a tensor of this thread by its number. */
  const inputOf = async (image: NDArray | DeviceTensor): Promise<NDArray | number> => {
    if (!('read' in image)) return { shape: [...image.shape], data: image.data.slice() };
    return numbers.get(image) ?? image.read();
  };
  const run = async (image: NDArray | DeviceTensor): Promise<DeviceTensor[]> => {
    const input = inputOf(image);
    const outputs = await line.call('run', async () => {
      const one = await input;
      return { request: { backbone, image: one }, moved: typeof one === 'number' ? [] : [one.data.buffer] };
    });
    return outputs.map(({ tensor, shape }) => tensorOf(tensor, shape));
  };
  const end = async (): Promise<void> => {
    await Promise.allSettled(running);
    await endShare(share, backbone);
  };
  const dispose = (): Promise<void> => {
    disposal ??= end();
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
