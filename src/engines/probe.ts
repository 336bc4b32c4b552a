import { type NDArray, type Shape, sizeOf } from '../arrays.ts';
import { EngineError } from '../errors.ts';
import { add, gelu, globalAvgPool, mul, sigmoid, silu } from '../nn/functional.ts';
import { parametersOf } from '../nn/graph.ts';
import { conv2d } from '../nn/layers.ts';
import { type Engine, map, type Program, programOf, type Runner, recordPart } from '../nn/part.ts';

/** A small network whose outputs are known: does an engine compute on this device, how exactly, and how fast? */

/** A block as those of MogaNet, and a stride: the operations that engines and drivers have got wrong. */
const graph = recordPart({
  name: 'probe',
  inputs: { x: map(3) },
  forward: (scope, { x }) => {
    const stem = gelu(conv2d(scope.at('stem'), x, 32, { kernel: 3 }));
    const deep = conv2d(scope.at('deep'), stem, 32, { kernel: 5, groups: 32, dilation: 2 });
    const gate = sigmoid(conv2d(scope.at('gate'), globalAvgPool(deep), 32, { kernel: 1 }));
    const wide = gelu(conv2d(scope.at('wide'), mul(silu(deep), gate), 128, { kernel: 1 }));
    const sum = add(stem, conv2d(scope.at('back'), wide, 32, { kernel: 1 }));
    return { y: conv2d(scope.at('out'), sum, 1, { kernel: 2, stride: 2, padding: 0 }) };
  },
});

/** Returns values between −1 and 1 that follow from their number alone, divided by the root of how many are added up. */
export function probeValues(shape: Shape): NDArray {
  const scale = shape.length === 4 && (shape[0] ?? 0) > 1 ? 1 / Math.sqrt(sizeOf(shape.slice(1))) : 1;
  const data = new Float32Array(sizeOf(shape)).map((_, i) => (((i * 37) % 101) / 50 - 1) * scale);
  return { shape, data };
}

const program = (): Program =>
  programOf('probe', graph, new Map(parametersOf(graph).map(({ key, shape }) => [key, probeValues(shape)])));

/** The image whose outputs are known, and its outputs in double precision (a test computes them by loops). */
const smallImage: Shape = [1, 3, 6, 8];
export const probeOutputs: readonly number[] = [
  -1.17270819, -2.09695018, -2.53681222, -1.43652184, -0.62339608, -2.6626517, -2.59312809, -1.79863196, -0.99454937,
  -2.75876536, -0.27757621, -2.11202487,
];

/** The image that is timed. */
const largeImage: Shape = [1, 3, 128, 128];

/** Rounding of single precision stays below the first by a factor of 20; half precision is between both. */
const exactError = 1e-4;
const mostError = 0.05;

/** What a probe finds of an engine that computes. */
export interface Probed {
  /** Distance to the known outputs, which are about 2. */
  readonly maxError: number;
  /** The engine's own weakness, or that it is not exact. */
  readonly weakness: string | undefined;
  /** Time of the network on 128×128 pixels, once its programs are compiled. Absent unless it was asked for. */
  readonly milliseconds?: number | undefined;
}

/**
 * Runs the network on an engine that has started. Some start and cannot compute: onnxruntime in a realm of Jest, or a driver.
 *
 * @param timed whether to run it on a larger image as well
 * @throws EngineError if it fails or gives other numbers
 */
export async function probe(engine: Engine, timed = false): Promise<Probed> {
  const runner = await engine.load(program());
  try {
    const maxError = largestError((await outputOf(runner, smallImage)).data);
    if (!(maxError <= mostError)) {
      throw new EngineError(
        `the engine ${engine.name} computes wrong numbers here: the output of a small network is off by ` +
          `${maxError.toPrecision(2)}.`,
      );
    }
    const inexact = `${engine.name} computes with errors of ${maxError.toExponential(0)} here, as half precision does`;
    const weakness = engine.weakness ?? (maxError > exactError ? inexact : undefined);
    return { maxError, weakness, milliseconds: timed ? await timeOf(runner) : undefined };
  } finally {
    runner.dispose();
  }
}

const largestError = (found: Float32Array): number =>
  found.length === probeOutputs.length
    ? probeOutputs.reduce((max, value, i) => Math.max(max, Math.abs((found[i] ?? Number.NaN) - value)), 0)
    : Number.POSITIVE_INFINITY;

/** The first run compiles. */
async function timeOf(runner: Runner): Promise<number> {
  await outputOf(runner, largeImage);
  const begun = performance.now();
  await outputOf(runner, largeImage);
  return performance.now() - begun;
}

async function outputOf(runner: Runner, shape: Shape): Promise<NDArray> {
  const { y } = await runner.run({ x: probeValues(shape) });
  if (!y) throw new EngineError('probe: the engine gave no output y.');
  return y.read().finally(() => y.dispose());
}
