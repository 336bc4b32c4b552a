import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { EngineError } from '../../src/errors.ts';
import { writeSafetensors } from '../../src/formats/index.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { conv2d, F, map, type Part, parametersOf, programOf, recordPart, type Value } from '../../src/nn/index.ts';
import { loadModel } from '../../src/node.ts';
import { engines, namedOutputs, useEngine } from '../harness/engines.ts';
import { rejection } from '../harness/rejection.ts';
import {
  smallBoth,
  smallClassification,
  smallDetection,
  smallSegmentation,
  smallWeights,
} from '../harness/small_model.ts';

/** Numbers that mean nothing are errors, the same on every engine. */

const swin: ModelConfig['backbone'] = { type: 'swin', arch: { dim: 24, depths: [1, 1, 1, 1], heads: [1, 2, 4, 8] } };

const image = { width: 64, height: 64, data: new Uint8ClampedArray(64 * 64 * 4).map((_, i) => (i * 7) % 256) };

/** Returns the file of a model whose weights of these keys are multiplied: finite, but its features overflow. */
function overflowing(config: ModelConfig, keys: RegExp, factor: number): Promise<Uint8Array> {
  let changed = 0;
  const weights = [...smallWeights(config)].map(([key, { shape, data }]): [string, NDArray] => {
    if (!keys.test(key)) return [key, { shape, data }];
    changed++;
    return [key, { shape, data: data.map((value) => value * factor) }];
  });
  expect(changed, `weights that match ${keys}`).to.be.above(0);
  return writeSafetensors(new Map(weights)).bytes();
}

const cases: readonly (readonly [name: string, config: ModelConfig, keys: RegExp, factor: number])[] = [
  ['instances', smallDetection, /patch_embed1\.projection\.0\.weight/, 1e12],
  ['a mask of classes', smallSegmentation, /patch_embed1\.projection\.0\.weight/, 1e12],
  ['both', smallBoth, /patch_embed1\.projection\.0\.weight/, 1e12],
  ['classes', smallClassification, /patch_embed1\.projection\.0\.weight/, 1e12],
  ['classes of a Swin', { ...smallClassification, backbone: swin }, /norm\d?\.weight/, 1e38],
];

for (const [name, start] of Object.entries(engines)) {
  describe(`numbers that mean nothing on ${name}`, () => {
    const here = useEngine(start);

    for (const [what, config, keys, factor] of cases) {
      it(`are not taken for ${what}`, async function () {
        this.timeout(60_000);
        const bytes = await overflowing(config, keys, factor);
        const model = await loadModel({ config, weights: bytes }, { engine: (await start()) as never });
        const failure = await rejection(model.predict(image));
        expect(failure).to.be.instanceOf(EngineError);
        expect(failure.message).to.match(/^features: \S+, computed by [\w-]+, is not finite: \d+ of \d+ values/);
        expect(failure.message).to.include(name);
        await model.dispose();
      });
    }

    const run = async (forward: Part<'x'>['forward'], x: NDArray) => {
      const graph = recordPart({ name: 'part', inputs: { x: map(x.shape[1] ?? 0) }, forward });
      const weights = new Map(
        parametersOf(graph).map(({ key, shape }) => [
          key,
          { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).map((_, i) => 3e38 * (-1) ** i) },
        ]),
      );
      const runner = await here.engine.load(programOf('part', graph, weights));
      try {
        const { y } = await namedOutputs(runner, { x }, 'y');
        return await y.read().finally(() => y.dispose());
      } finally {
        runner.dispose();
      }
    };

    // ∞ − ∞ has its sign bit set, which wasm's relu took for a negative number
    const passedOn: Record<string, (x: Value) => Value> = {
      relu: F.relu,
      hardsigmoid: F.hardsigmoid,
      hardswish: F.hardswish,
      sigmoid: F.sigmoid,
      silu: F.silu,
      gelu: F.gelu,
      globalAvgPool: F.globalAvgPool,
      avgPool: (x) => F.avgPool(x, { kernel: 2 }),
      maxPool: (x) => F.maxPool(x, { kernel: 2 }),
      resize: (x) => F.resize(x, { factor: 2 }),
    };
    for (const [operation, apply] of Object.entries(passedOn)) {
      it(`pass through ${operation}`, async () => {
        const x = { shape: [1, 2, 2, 2], data: new Float32Array(8).fill(8) };
        const failure = await rejection(
          run((scope, inputs) => {
            const infinite = conv2d(scope.at('conv'), inputs.x, 2, { kernel: 1 });
            return { y: apply(F.sub(infinite, infinite)) };
          }, x),
        );
        expect(failure).to.be.instanceOf(EngineError);
        expect(failure.message).to.match(/^part: y, computed by [\w-]+, is not finite/);
      });
    }

    it('are refused in an input, with their place', async () => {
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const x = { shape: [1, 1, 2, 3], data: Float32Array.of(1, 2, 3, 4, value, 6) };
        const failure = await rejection(run((_, inputs) => ({ y: F.relu(inputs.x) }), x));
        expect(failure).to.be.instanceOf(EngineError);
        expect(failure.message).to.match(
          new RegExp(`^part: the input "x" is not finite: 1 of 6 .*\\(${value}\\) at \\[0, 0, 1, 1\\]`),
        );
      }
    });

    it('are not the largest and smallest float32', async () => {
      const x = { shape: [1, 1, 1, 4], data: Float32Array.of(3.4e38, -3.4e38, 1e-45, 0) };
      expect((await run((_, inputs) => ({ y: F.relu(inputs.x) }), x)).data[0]).to.be.above(3.3e38);
    });
  });
}
