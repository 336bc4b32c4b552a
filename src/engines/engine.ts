import type { Named, NDArray, Shape } from '../arrays.ts';
import { EngineError, ShapeError } from '../errors.ts';
import { inputNodes, type Node } from '../nn/graph.ts';
import type { DeviceTensor, Engine, Program, Runner } from '../nn/part.ts';
import type { InputExtent } from '../nn/shapes.ts';

/**
 * The half of an engine that is the same for all of them: inputs are checked, tensors of other engines come over the host,
 * and what was disposed is refused.
 */

/** The other half: what a particular engine does. */
export interface Device {
  readonly name: string;
  readonly detail: string;
  readonly blocking?: boolean | undefined;
  /** Starts a task once the earlier ones are done; at once by default. */
  readonly inTurn?: Queue | undefined;
  /** Tells this engine's tensors from those of others. */
  owns(tensor: DeviceTensor): boolean;
  compile(program: Program): Promise<Compiled>;
}

/** A program on a device. */
export interface Compiled {
  /** Takes arrays of the host and tensors of this engine, whose shapes have been checked. */
  run(inputs: Named<NDArray | DeviceTensor>, extents: Named<InputExtent>): Promise<Named<DeviceTensor>>;
  /** Frees what it holds; called once, in its turn. */
  dispose(): void | Promise<void>;
}

/** Runs tasks one after the other, whoever asks. */
export type Queue = <T>(task: () => Promise<T>) => Promise<T>;

export function taskQueue(): Queue {
  let last: Promise<unknown> = Promise.resolve();
  return (task) => {
    const result = last.then(task);
    last = result.catch(() => {}); // the caller gets the error; the next task runs all the same
    return result;
  };
}

/** Makes an engine of a device. */
export function engineOn(device: Device): Engine {
  const { name, detail, blocking, inTurn = (task) => task() } = device;
  const runners = new Set<Runner>();
  let disposed = false;
  const expectInUse = (): void => {
    if (disposed) throw new EngineError(`${name}: the engine was disposed; create another one.`);
  };
  return {
    name,
    detail,
    blocking,
    load: (program) =>
      inTurn(async () => {
        expectInUse();
        const compiled = await device.compile(program);
        const runner = runnerOf(program, compiled, device, inTurn, () => runners.delete(runner));
        runners.add(runner);
        if (disposed) runner.dispose(); // while it compiled
        expectInUse();
        return runner;
      }),
    dispose: async () => {
      disposed = true;
      for (const runner of runners) runner.dispose();
      await inTurn(async () => {}); // until each has been disposed in its turn
    },
  };
}

function runnerOf(
  { name, graph }: Program,
  compiled: Compiled,
  device: Device,
  inTurn: Queue,
  onDispose: () => void,
): Runner {
  const nodes = inputNodes(graph);
  let disposed = false;

  return {
    run: async (given) => {
      const inputs: Record<string, NDArray | DeviceTensor> = {};
      const extents: Record<string, InputExtent> = {};
      for (const node of nodes) {
        const input = node.attributes.name;
        const value = given[input];
        if (!value) {
          const got = Object.keys(given).join(', ') || 'none';
          throw new ShapeError(`${name}: the input "${input}" is missing, got ${got}.`);
        }
        extents[input] = extentOf(name, node, value.shape);
        inputs[input] = await accepted(value, node, device);
      }
      return inTurn(async () => {
        if (disposed) throw new EngineError(`${name}: the runner was disposed; load the program again.`);
        return compiled.run(inputs, extents);
      });
    },
    dispose: () => {
      if (disposed) return;
      disposed = true;
      onDispose();
      void inTurn(async () => compiled.dispose());
    },
  };
}

/** Returns the input in the form in which the engine's operations take it. */
async function accepted(
  value: NDArray | DeviceTensor,
  { attributes: { kind } }: Node<'input'>,
  { owns }: Device,
): Promise<NDArray | DeviceTensor> {
  const regionsAsMap = kind === 'regions' && value.shape.length !== 2;
  if (isOnDevice(value) && owns(value) && !regionsAsMap) return value;
  const { shape, data } = isOnDevice(value) ? await value.read() : value;
  return { shape: regionsAsMap ? shape.slice(0, 2) : shape, data };
}

export const isOnDevice = (value: NDArray | DeviceTensor): value is DeviceTensor => 'read' in value;

function extentOf(program: string, { attributes: { name, kind }, channels }: Node<'input'>, shape: Shape): InputExtent {
  const [batch = 0, second, height, width] = shape;
  const regions = kind === 'regions';
  // regions that a device has given back may have the four axes of a map
  const fits = regions ? shape.slice(2).every((extent) => extent === 1) : shape.length === 4;
  if (!fits || second !== channels) {
    const wanted = regions ? 'n×5' : `N×${channels}×H×W`;
    throw new ShapeError(`${program}: the input "${name}" is ${wanted}, got ${shape.join('×')}.`);
  }
  return regions ? { batch } : { batch, height, width };
}

/** The tensors of one engine behind the results that it gave out. */
export interface DeviceTensors<T> {
  /** Takes a tensor over: disposing the result disposes it. `what` names it in errors. */
  wrap(tensor: T, what: string): DeviceTensor;
  owns(result: DeviceTensor): boolean;
  /**
   * Returns the tensor of a result, which still belongs to the result; undefined if another engine made it.
   *
   * @throws EngineError if the result was disposed
   */
  tensorOf(result: DeviceTensor): T | undefined;
}

interface Disposable {
  readonly isDisposed?: boolean;
  dispose(): void;
}

/** @param read copies the values of a tensor to the host, N×C×H×W */
export function deviceTensors<T extends Disposable>(
  shapeOf: (tensor: T) => Shape,
  read: (tensor: T) => Promise<Float32Array>,
): DeviceTensors<T> {
  const known = new WeakMap<DeviceTensor, () => T>();
  return {
    wrap: (tensor, what) => {
      const shape = shapeOf(tensor);
      let disposed = false;
      const use = (): T => {
        if (disposed || tensor.isDisposed) throw new EngineError(`${what} was disposed.`);
        return tensor;
      };
      const result: DeviceTensor = {
        shape,
        read: async () => ({ shape, data: await read(use()) }),
        dispose: () => {
          if (!disposed && !tensor.isDisposed) tensor.dispose();
          disposed = true;
        },
      };
      known.set(result, use);
      return result;
    },
    owns: (result) => known.has(result),
    tensorOf: (result) => known.get(result)?.(),
  };
}
