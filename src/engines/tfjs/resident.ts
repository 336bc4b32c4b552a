import * as tf from '@tensorflow/tfjs';
import { EngineError } from '../../errors.ts';
import type { NDArray } from '../../ndarray.ts';
import type { Resident } from '../../nn/part.ts';

/** Results that stay in the backend's memory, N×H×W×C there and N×C×H×W to everybody else. */

const tensors = new WeakMap<Resident, { readonly what: string; readonly tensor: tf.Tensor4D }>();

/** Takes the tensor over: disposing the result disposes it. `what` names it in errors. */
export function residentOf(tensor: tf.Tensor4D, what = 'the tensor'): Resident {
  const [batch, height, width, channels] = tensor.shape;
  const shape = [batch, channels, height, width];
  const resident: Resident = {
    shape,
    read: async () => {
      const data = (await tensorOf(resident).data()) as Float32Array;
      return { shape, data: swapped(data, batch, height * width, channels) };
    },
    dispose: () => {
      if (!tensor.isDisposed) tensor.dispose();
    },
  };
  tensors.set(resident, { what, tensor });
  return resident;
}

/**
 * The tensor N×H×W×C of a result. It still belongs to the result.
 *
 * @throws EngineError where the result was disposed or belongs to another kind of engine
 */
export function tensorOf(resident: Resident): tf.Tensor4D {
  const entry = tensors.get(resident);
  if (!entry) throw new EngineError('this result is of another engine and has no tensor; read() it instead.');
  if (entry.tensor.isDisposed) throw new EngineError(`${entry.what} was disposed.`);
  return entry.tensor;
}

export const hasTensor = (resident: Resident): boolean => tensors.has(resident);

/** Uploads a map, or regions n × 5 as n×1×1×5, to the current backend. */
export function upload({ shape, data }: NDArray): tf.Tensor4D {
  const [batch = 0, channels = 0, height = 1, width = 1] = shape;
  return tf.tensor4d(swapped(data, batch, channels, height * width), [batch, height, width, channels]);
}

/** Batches of matrices rows × columns to columns × rows. */
function swapped(data: Float32Array, batch: number, rows: number, columns: number): Float32Array {
  if (rows === 1 || columns === 1) return data.slice();
  const out = new Float32Array(data.length);
  const length = rows * columns;
  for (let start = 0; start < batch * length; start += length) {
    for (let row = 0; row < rows; row++) {
      for (let column = 0, from = start + row * columns, to = start + row; column < columns; column++) {
        out[to] = data[from + column]!;
        to += rows;
      }
    }
  }
  return out;
}
