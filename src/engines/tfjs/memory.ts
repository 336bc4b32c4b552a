import type * as tf from '@tensorflow/tfjs-core';
import { sizeOf } from '../../arrays.ts';
import { EngineError } from '../../errors.ts';
import { type Graph, parametersOf } from '../../nn/graph.ts';
import { type MapShape, type Shapes, shapeAt } from '../../nn/shapes.ts';
import type { Plan } from './replay.ts';
import { bytesHeldBy } from './wasm.ts';

/**
 * The wasm backend has at most 4 GB of memory, and overwrites tensors without an error once it is full. So the needs of a
 * model and of a run are added up before anything is allocated.
 */

/** Leaves room for what TensorFlow.js does not count: scratch memory and the gaps between tensors. */
export const defaultBudget = 3e9;

const bytesPerValue = 4;

/** Copies of the parameters that convolutions keep in a packed form, whatever the number of engines on a backend. */
const packedBytes = new WeakMap<tf.KernelBackend, number>();

export interface Budget {
  /** @throws EngineError if the parameters would not fit */
  reserve(program: string, parameterBytes: number): void;
  release(parameterBytes: number): void;
  /** @throws EngineError if a run at these sizes would not fit */
  admit(program: string, runBytes: number): void;
}

export function budgetOf(bytes: number, backend: tf.KernelBackend): Budget {
  const tensors = bytesHeldBy(backend);
  const packed = (): number => packedBytes.get(backend) ?? 0;
  const expectFits = (what: string, needed: number, advice: string): void => {
    const used = tensors.now + packed();
    if (used + needed <= bytes) return;
    throw new EngineError(
      `${what} needs about ${inGigabytes(needed)} of memory, with ${inGigabytes(used)} in use and a budget of ` +
        `${inGigabytes(bytes)}: past 4 GB the wasm backend overwrites its own tensors. ${advice}`,
    );
  };
  return {
    reserve: (program, parameterBytes) => {
      expectFits(program, 2 * parameterBytes, 'Dispose other models, or use the engine onnxruntime or webgl.');
      packedBytes.set(backend, packed() + parameterBytes);
    },
    release: (parameterBytes) => {
      packedBytes.set(backend, packed() - parameterBytes);
    },
    admit: (program, runBytes) =>
      expectFits(`${program} at this size`, runBytes, 'Use a smaller image, or the engine onnxruntime or webgl.'),
  };
}

/** For backends whose memory is not counted. */
export const unlimited: Budget = { reserve: () => {}, release: () => {}, admit: () => {} };

const inGigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(bytes < 1e8 ? 3 : 1)} GB`;

export const parameterBytes = (graph: Graph): number =>
  bytesPerValue * parametersOf(graph).reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** A rule as it is when any operation may have it: the table pairs each with its own attributes and inputs. */
type AnyHeld = (attributes: unknown, inputs: readonly MapShape[], output: MapShape) => number;

/** Returns the most that a replay holds at once: the values that later steps read, and what the kernels say that they hold. */
export function peakBytes({ graph, steps, implementation: { held } }: Plan, shapes: Shapes): number {
  const bytes = (id: number): number => {
    const { batch, channels, height, width } = shapeAt(shapes, id);
    return batch * channels * height * width * bytesPerValue;
  };
  let live = Object.values(graph.inputs).reduce((sum, id) => sum + bytes(id), 0);
  let peak = live;
  for (const { node, maps, lastUses } of steps) {
    const inputs = maps.map((id) => shapeAt(shapes, id));
    const values = (held[node.op] as AnyHeld)(node.attributes, inputs, shapeAt(shapes, node.id));
    peak = Math.max(peak, live + values * bytesPerValue);
    live += bytes(node.id);
    for (const id of lastUses) live -= bytes(id);
  }
  return peak;
}
