import { createRequire } from 'node:module';
import { createModel, exportOnnx, initialWeights } from 'moganet';
import { pointwise, type Scope, type Value } from 'moganet/nn';
import { seededInput } from '../test/harness/seeded.ts';
import type { Ort } from './runtimes.ts';

/** The multiply-adds per second that this machine reaches in a matrix multiplication: what any network could reach at most. */

const edge = 1536;
const runs = 9;

/** Returns GMAC/s of onnxruntime's matrix multiplication, the best of a few runs. */
export async function matrixLimit(threads: number): Promise<number> {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  const ort = createRequire(import.meta.url)('onnxruntime-node') as Ort;
  const matrix = () => ({
    stages: [{ channels: edge, stride: 1 }],
    imageChannels: edge,
    forward: (scope: Scope, x: Value) => [pointwise(scope.at('fc'), x, edge)],
  });
  const definition = createModel({ backbone: { type: 'matrix' } }, { backbones: { matrix } });
  const [file] = exportOnnx(definition, initialWeights(definition), { backbone: true }).files();
  const session = await ort.InferenceSession.create(Buffer.concat(file?.chunks ?? []), {
    graphOptimizationLevel: 'disabled', // a 1×1 convolution is then a matrix multiplication
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  const shape = [1, edge, 32, edge / 32];
  const image = new ort.Tensor('float32', seededInput('image', shape).data as Float32Array, shape);
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < runs; i++) {
    const start = performance.now();
    await session.run({ image });
    best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return edge ** 3 / best / 1e6;
}
