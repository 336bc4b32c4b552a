import { EngineError, ShapeError } from '../../errors.ts';
import type { Named, NDArray, Shape } from '../../ndarray.ts';
import type { Node } from '../../nn/graph.ts';
import type { Program, Resident, Runner } from '../../nn/part.ts';
import { type InputExtent, shapesOf } from '../../nn/shapes.ts';
import { sizedArray } from '../sized_arrays.ts';
import type { OnnxModel } from './emit.ts';
import type { Queue } from './queue.ts';
import { residentOf, tensorOf } from './resident.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';

/** Sizes whose arrays are kept; folders of photos come in a few. */
const keptSizes = 8;

/**
 * A session with what it needs per size. Runs wait for each other in the engine's queue: onnxruntime-web refuses those that
 * overlap, and onnxruntime-node gains nothing from them.
 */
export function onnxRunner(
  ort: OnnxRuntime,
  session: OnnxSession,
  { name, graph }: Program,
  { sized, outputs }: Pick<OnnxModel, 'sized' | 'outputs'>,
  queue: Queue,
): Runner {
  const inputs = Object.values(graph.inputs).map((id) => graph.nodes[id] as Node<'input'>);
  const bySize = new Map<string, Named<OnnxTensor>>();
  let disposed = false;

  /** Checks that the sizes fit the graph, and makes the arrays that follow from them. */
  function arraysFor(extents: Named<InputExtent>): Named<OnnxTensor> {
    const key = JSON.stringify(extents);
    const arrays = bySize.get(key) ?? makeArrays(extents);
    bySize.delete(key); // and back, as the latest
    bySize.set(key, arrays);
    if (bySize.size > keptSizes) bySize.delete(bySize.keys().next().value!);
    return arrays;
  }

  /** The blocks of a stage have maps of one size, and share a tensor. */
  function makeArrays(extents: Named<InputExtent>): Named<OnnxTensor> {
    const shapes = shapesOf(graph, extents);
    const made = new Map<string, OnnxTensor>();
    return Object.fromEntries(
      sized.map(({ name: input, source, array }) => {
        const { height, width } = shapes[source]!;
        const key = JSON.stringify([array, height, width]);
        const tensor = made.get(key) ?? tensorFor(sizedArray(array, { height, width }));
        made.set(key, tensor);
        return [input, tensor];
      }),
    );
  }

  function tensorFor({ shape, data }: NDArray<Float32Array | Int32Array>): OnnxTensor {
    return data instanceof Int32Array ? new ort.Tensor('int32', data, shape) : new ort.Tensor('float32', data, shape);
  }

  async function run(given: Named<NDArray | Resident>): Promise<Named<Resident>> {
    const feeds: Record<string, OnnxTensor> = {};
    const extents: Record<string, InputExtent> = {};
    for (const node of inputs) {
      const input = node.attributes.name;
      const value = given[input];
      if (!value) {
        const got = Object.keys(given).join(', ') || 'none';
        throw new ShapeError(`${name}: the input "${input}" is missing, got ${got}.`);
      }
      extents[input] = extentOf(name, node, value.shape);
      feeds[input] = await tensorOf(ort, value);
    }
    return queue(async () => {
      if (disposed) throw new EngineError(`${name}: the runner was disposed; load the program again.`);
      const results = await session.run({ ...feeds, ...arraysFor(extents) }).catch((cause: unknown) => {
        const reason = cause instanceof Error ? cause.message : String(cause);
        throw new EngineError(`${name}: onnxruntime failed: ${reason}`, { cause });
      });
      return Object.fromEntries(
        Object.entries(outputs).map(([output, onnxName]) => [
          output,
          residentOf(results[onnxName]!, `${name}: ${output}`),
        ]),
      );
    });
  }

  function dispose(): void {
    if (disposed) return;
    disposed = true;
    bySize.clear();
    void queue(() => session.release()); // after the run that may be under way
  }

  return { run, dispose };
}

/** The number of regions is left out: no other size follows from it, and each image brings another. */
function extentOf(program: string, { attributes: { name, kind }, channels }: Node<'input'>, shape: Shape): InputExtent {
  const [batch = 0, second, height, width] = shape;
  const regions = kind === 'regions';
  if (shape.length !== (regions ? 2 : 4) || second !== channels) {
    const wanted = regions ? 'n×5' : `N×${channels}×H×W`;
    throw new ShapeError(`${program}: the input "${name}" is ${wanted}, got ${shape.join('×')}.`);
  }
  return regions ? { batch: 1 } : { batch, height: height!, width: width! };
}
