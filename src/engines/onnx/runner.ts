import { EngineError, ShapeError } from '../../errors.ts';
import type { Named, NDArray, Shape } from '../../ndarray.ts';
import type { Node } from '../../nn/graph.ts';
import type { Program, Resident, Runner } from '../../nn/part.ts';
import { type InputExtent, shapesOf } from '../../nn/shapes.ts';
import { poolingMatrix } from '../pooling.ts';
import type { OnnxModel } from './emit.ts';
import type { OnnxRuntime, OnnxSession, OnnxTensor } from './runtime.ts';

/** Sizes whose pooling matrices are kept; folders of photos come in a few. */
const keptSizes = 8;

/** One task after the other, whoever asks. */
export type Queue = <T>(task: () => Promise<T>) => Promise<T>;

/**
 * A session with what it needs per size. Runs go through the engine's queue: onnxruntime-web refuses overlapping runs, and
 * onnxruntime-node has no use for them.
 */
export function onnxRunner(
  ort: OnnxRuntime,
  session: OnnxSession,
  { name, graph }: Program,
  { poolings, outputs }: Omit<OnnxModel, 'bytes'>,
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
    if (disposed) throw new EngineError(`${name}: the runner was disposed; load the program again.`);
    const feeds: Record<string, OnnxTensor> = {};
    const extents: Record<string, InputExtent> = {};
    for (const node of inputs) {
      const input = node.attributes.name;
      const value = given[input];
      if (!value) {
        throw new ShapeError(
          `${name}: the input "${input}" is missing, got ${Object.keys(given).join(', ') || 'none'}.`,
        );
      }
      extents[input] = extentOf(name, node, value.shape);
      feeds[input] = await tensorOf(ort, value);
    }
    return queue(async () => {
      if (disposed) throw new EngineError(`${name}: the runner was disposed before its turn came.`);
      const results = await session.run({ ...feeds, ...matricesFor(extents) });
      return Object.fromEntries(
        Object.entries(outputs).map(([output, onnxName]) => [
          output,
          residentOf(`${name}: ${output}`, results[onnxName]!),
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

/** A result in onnxruntime's memory, or one of ours that another run takes as it is. */
interface OnnxResident extends Resident {
  readonly tensor: OnnxTensor;
}

const isOnnxResident = (value: NDArray | Resident): value is OnnxResident => 'tensor' in value;

function residentOf(what: string, tensor: OnnxTensor): OnnxResident {
  let disposed = false;
  const shape = [...tensor.dims];
  return {
    shape,
    get tensor() {
      if (disposed) throw new EngineError(`${what} was disposed.`);
      return tensor;
    },
    // on the CPU this is the tensor's own memory
    async read() {
      return { shape, data: (await this.tensor.getData()) as Float32Array };
    },
    dispose() {
      if (!disposed) tensor.dispose();
      disposed = true;
    },
  };
}

async function tensorOf(ort: OnnxRuntime, value: NDArray | Resident): Promise<OnnxTensor> {
  if (isOnnxResident(value)) return value.tensor;
  const { shape, data } = 'read' in value ? await value.read() : value;
  return new ort.Tensor('float32', data, shape);
}

/** The number of regions is left out: it decides no other size, and every image brings another. */
function extentOf(program: string, { attributes: { name, kind }, channels }: Node<'input'>, shape: Shape): InputExtent {
  const [batch = 0, second, height, width] = shape;
  const rank = kind === 'regions' ? 2 : 4;
  if (shape.length !== rank || second !== channels) {
    const wanted = kind === 'regions' ? 'n×5' : `N×${channels}×H×W`;
    throw new ShapeError(`${program}: the input "${name}" is ${wanted}, got ${shape.join('×')}.`);
  }
  return kind === 'regions' ? { batch: 1 } : { batch, height: height!, width: width! };
}
