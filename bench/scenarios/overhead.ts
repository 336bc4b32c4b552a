import { createRequire } from 'node:module';
import { createBackbone, createModel, exportOnnx, initialWeights, type NDArray } from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { conv2d, type Scope, type Value } from 'moganet/nn';
import { imageOf, sizeText } from '../networks.ts';
import type { Options } from '../options.ts';
import type { Report } from '../report.ts';
import type { Ort } from '../runtimes.ts';
import { median } from '../statistics.ts';

/** What a run costs beside the network: a network that computes next to nothing, with the outputs of MogaNet-XT, and its bare session. */
export async function overhead({ sizes, seconds }: Options): Promise<Report> {
  process.env.ORT_DISABLE_TELEMETRY ??= '1';
  const definition = createModel({ backbone: { type: 'thin' } }, { backbones: { thin } });
  const weights = initialWeights(definition);
  const ort = createRequire(import.meta.url)('onnxruntime-node') as Ort;
  const [file] = exportOnnx(definition, weights, { backbone: true }).files();
  const session = await ort.InferenceSession.create(Buffer.concat(file?.chunks ?? []), { intraOpNumThreads: 1 });
  await using backbone = await createBackbone(
    { type: 'thin' },
    {
      backbones: { thin },
      weights: await writeSafetensors(weights).bytes(),
      engine: 'onnxruntime',
      threads: 1,
    },
  );
  const contenders: Record<string, (image: NDArray) => Promise<unknown>> = {
    'this package': (image) => backbone.forward(image),
    'bare session': ({ data, shape }) => session.run({ image: new ort.Tensor('float32', data as Float32Array, shape) }),
  };
  const rows = [];
  for (const size of sizes) {
    const image = imageOf(size);
    const cpuMs = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]));
    const end = performance.now() + 1000 * seconds;
    while (performance.now() < end) {
      for (const [name, run] of Object.entries(contenders)) {
        await run(image); // after the other one its memory and its thread are cold
        for (let i = 0; i < 5; i++) cpuMs.get(name)?.push(await cpuMsOf(() => run(image)));
      }
    }
    for (const [name, times] of cpuMs)
      rows.push([sizeText(size), name, Math.min(...times), median(times), times.length]);
  }
  await session.release();
  const columns = ['size', 'contender', 'least CPU ms', 'CPU ms', 'runs'];
  const title = 'overhead: a network that computes next to nothing, one thread, CPU time of the process';
  return { tables: [{ title, columns, rows }], ratios: [], notes: [] };
}

/** One 1×1 convolution to each of the outputs. */
const thin = () => {
  const stages = [32, 64, 96, 192].map((channels, i) => ({ channels, stride: 4 << i }));
  return {
    stages,
    imageChannels: 3,
    forward: (scope: Scope, x: Value) =>
      stages.map(({ channels, stride }) => conv2d(scope.at(`${stride}`), x, channels, { kernel: 1, stride })),
  };
};

async function cpuMsOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}
