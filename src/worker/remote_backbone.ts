import type { NDArray } from '../arrays.ts';
import { EngineError } from '../errors.ts';
import { type LoadedBackbone, loadedBackbone } from '../library/loaded_backbone.ts';
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
  const tensorOf = (tensor: number, shape: readonly number[]): DeviceTensor => {
    let isDisposed = false;
    const remote: DeviceTensor = {
      shape,
      read: async () => {
        if (isDisposed) throw new EngineError('this tensor was disposed; run the backbone again.');
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
  return loadedBackbone({ stages, notices, run, free: () => endShare(share, backbone) });
}
