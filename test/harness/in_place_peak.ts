import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import { onnxInParts } from '../../src/engines/onnx/serialize.ts';
import { conv2d, F, programOf } from '../../src/nn/index.ts';
import { record, seeded } from './optimised.ts';
import { peakBytes } from './peak.ts';

/** A process that adds the result of a convolution to a map of 128 MB, and prints by how many bytes its memory grows at most. */

const [form] = process.argv.slice(2);
const graph = record((scope, x) => {
  const stem = conv2d(scope.at('stem'), x, 16, { kernel: 3, padding: 1 });
  const other = conv2d(scope.at('depthwise'), stem, 16, { kernel: 3, padding: 1, groups: 16 });
  return { mean: F.globalAvgPool(F.add(conv2d(scope.at('narrow'), other, 16, { kernel: 1 }), stem)) };
});
const { ort, reason } = await loadOnnxRuntime();
if (!ort) throw new Error(reason);
const { model, externalData } = onnxInParts(
  emitOnnx(programOf('sum', graph, seeded(graph)), { inPlace: form === 'declared' }),
);
const session = await ort.InferenceSession.create(model, {
  externalData,
  intraOpNumThreads: 1,
  enableCpuMemArena: false,
  enableMemPattern: false,
  logSeverityLevel: 4,
});
const x = new ort.Tensor('float32', new Float32Array(3 * 2048 * 1024).fill(1), [1, 3, 2048, 1024]);
const before = process.memoryUsage.rss();
await session.run({ x }, ['mean']);
console.log(peakBytes() - before);
