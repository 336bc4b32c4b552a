import type { Named, NDArray } from '../../src/arrays.ts';
import type { Geometry } from '../../src/image/geometry.ts';
import type { ModelDefinition } from '../../src/models/create.ts';
import type { ImageTask, RunPart, TaskInputs, TaskKind } from '../../src/models/task.ts';
import type { DeviceTensor } from '../../src/nn/index.ts';

/** Returns a model's task of a kind, which sees images. @throws RangeError if it has none */
export function taskOf({ tasks }: Pick<ModelDefinition, 'tasks'>, kind: TaskKind): ImageTask {
  const task = tasks.find((one) => one.kind === kind);
  if (!task || task.inCrops) throw new RangeError(`the model has no ${kind}`);
  return task;
}

const noImage: NDArray = { shape: [0, 3, 0, 0], data: new Float32Array(0) };
const noParts: RunPart = async (part) => {
  throw new RangeError(`the part ${part} must not run`);
};

/** Makes the inputs of a task whose features exist already. */
export const onFeatures = (
  features: Named<DeviceTensor>,
  geometries: readonly Geometry[],
  run: RunPart = noParts,
): TaskInputs => ({
  image: noImage,
  geometries,
  run,
  features: async () => features,
  networkDone: async () => {},
  pause: () => undefined,
});

/** Makes a `DeviceTensor` from an array. */
export const hostTensor = (shape: readonly number[], data: ArrayLike<number>): DeviceTensor => ({
  shape,
  read: async () => ({ shape, data: Float32Array.from(data) }),
  dispose: () => {},
});
