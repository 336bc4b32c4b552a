import type { NDArray } from '../../src/arrays.ts';
import { bytesOf, TensorValue, torchZip } from './torch_file.ts';

/** Writes checkpoints as trainers do: sets of weights under names of their own, with other values beside them. */

/** Tensors by key, in a dict of the file. A single number is a counter (int64, no axes). */
export type TrainerDict = ReadonlyMap<string, NDArray | number>;

/** Returns the bytes of a PyTorch file. Maps of arrays become dicts of tensors; everything else is pickled as it is. */
export function trainerFile(root: Readonly<Record<string, unknown>> | TrainerDict): Uint8Array {
  const storages: Record<string, Uint8Array> = {};
  const tensor = (value: NDArray | number): TensorValue => {
    const key = `${Object.keys(storages).length}`;
    if (typeof value === 'number') {
      storages[key] = bytesOf(BigInt64Array.of(BigInt(value)));
      return new TensorValue(key, 'LongStorage', 1, []);
    }
    storages[key] = bytesOf(value.data);
    return new TensorValue(key, 'FloatStorage', value.data.length, value.shape);
  };
  const isTensors = (value: unknown): value is TrainerDict =>
    value instanceof Map && [...value.values()].some((item) => typeof item === 'object' && 'data' in item);
  const dict = (tensors: TrainerDict) => new Map([...tensors].map(([key, value]) => [key, tensor(value)]));
  const written =
    root instanceof Map
      ? dict(root)
      : new Map(Object.entries(root).map(([name, value]) => [name, isTensors(value) ? dict(value) : value]));
  return torchZip(written, storages);
}

/** Puts a prefix before every key. */
export const prefixed = <T>(prefix: string, tensors: ReadonlyMap<string, T>): Map<string, T> =>
  new Map([...tensors].map(([key, value]) => [prefix + key, value]));
