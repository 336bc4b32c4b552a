import { EngineError } from '../../errors.ts';
import type { NDArray } from '../../ndarray.ts';
import type { Resident } from '../../nn/part.ts';
import type { OnnxRuntime, OnnxTensor } from './runtime.ts';

/** Results in onnxruntime's memory, which other runs take as they are. */

const tensors = new WeakMap<Resident, () => OnnxTensor>();

/** Takes the tensor over: disposing the result disposes it. `what` names it in errors. */
export function residentOf(tensor: OnnxTensor, what: string): Resident {
  let disposed = false;
  const shape = [...tensor.dims];
  const get = (): OnnxTensor => {
    if (disposed) throw new EngineError(`${what} was disposed.`);
    return tensor;
  };
  const resident: Resident = {
    shape,
    read: async () => ({ shape, data: (await get().getData()) as Float32Array }), // on the CPU no copy
    dispose: () => {
      if (!disposed) tensor.dispose();
      disposed = true;
    },
  };
  tensors.set(resident, get);
  return resident;
}

/** An input as onnxruntime takes it: without a copy, unless it is a result of another kind of engine. */
export async function tensorOf(ort: OnnxRuntime, value: NDArray | Resident): Promise<OnnxTensor> {
  if (!('read' in value)) return new ort.Tensor('float32', value.data, value.shape);
  const own = tensors.get(value);
  if (own) return own();
  const { shape, data } = await value.read();
  return new ort.Tensor('float32', data, shape);
}
