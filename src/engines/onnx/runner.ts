import { EngineError, ShapeError } from '../../errors.ts';
import type { Named, NDArray, Shape } from '../../ndarray.ts';
import type { Node } from '../../nn/graph.ts';
import type { Program, Resident, Runner } from '../../nn/part.ts';
import { type InputExtent, shapesOf } from '../../nn/shapes.ts';
import { poolingMatrix } from '../pooling.ts';
import type { OnnxModel } from './emit.ts';
import type { Queue } from './queue.ts';
import { residentOf, tensorOf } from './resident.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';

/** Sizes whose pooling matrices are kept; folders of photos come in a few. */
const keptSizes = 8;

/**
 * A session with what it needs per size. Runs wait for each other in the engine's queue: onnxruntime-web refuses those that
 * overlap, and onnxruntime-node gains nothing from them.
 */
export function onnxRunner(
  ort: OnnxRuntime,
  session: OnnxSession,
  { name, graph }: Program,
  { poolings, outputs }: Pick<OnnxModel, 'poolings' | 'outputs'>,
  queue: Queue,
): Runner {
  const inputs = Object.values(graph.inputs).map((id) => graph.nodes[id] as Node<'input'>);
  const bySize = new Map<string, Named<OnnxTensor>>();
  let disposed = false;

  /** Checks that the sizes fit the graph, and makes the matrices of its adaptive poolings. */
  function matricesFor(extents: Named<InputExtent>): Named<OnnxTensor> {
    const key = JSON.stringify(extents);
    const matrices = bySize.get(key) ?? makeMatrices(extents);
    bySize.delete(key); // and back, as the latest
    bySize.set(key, matrices);
    if (bySize.size > keptSizes) bySize.delete(bySize.keys().next().value!);
    return matrices;
  }

  function makeMatrices(extents: Named<InputExtent>): Named<OnnxTensor> {
    const shapes = shapesOf(graph, extents);
    return Object.fromEntries(
      poolings.map((pooling) => {
        const { shape, data } = poolingMatrix(pooling.bins, shapes[pooling.source]![pooling.axis]);
        return [pooling.name, new ort.Tensor('float32', data, shape)];
      }),
    );
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
      const matrices = matricesFor(extents);
      const results = await session.run({ ...feeds, ...matrices }).catch((cause: unknown) => {
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
