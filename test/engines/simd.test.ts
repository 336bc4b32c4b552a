import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import fc from 'fast-check';
import { compileSimd } from '../../scripts/bake_simd.ts';
import { onBackend, startBackend } from '../../src/engines/tfjs/backend.ts';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import { plain } from '../../src/engines/tfjs/implementation.ts';
import type { Implementation } from '../../src/engines/tfjs/kernel.ts';
import { registerOwnKernels } from '../../src/engines/tfjs/own_kernels.ts';
import { planOf, replay } from '../../src/engines/tfjs/replay.ts';
import { simdModule } from '../../src/engines/tfjs/simd.data.ts';
import { simdOf, startSimd } from '../../src/engines/tfjs/simd.ts';
import { withActivations } from '../../src/engines/tfjs/simd_fuse.ts';
import { simdImplementation } from '../../src/engines/tfjs/simd_kernels.ts';
import {
  batchNorm,
  conv2d,
  F,
  layerNorm,
  map,
  parametersOf,
  programOf,
  recordPart,
  regions,
  type Scope,
  shapesOf,
  type Value,
} from '../../src/nn/index.ts';
import { seededInput } from '../harness/seeded.ts';

/** This package's kernels on the wasm backend, against TensorFlow.js's operations on the same tensors. */

let simd: Implementation;

before(async () => {
  const { instance } = await startBackend('wasm');
  registerOwnKernels('wasm');
  const found = await startSimd(instance);
  if (!found.simd) throw new Error(found.reason);
  simd = simdImplementation(found.simd);
});

type Apply = (scope: Scope, x: Value) => Value;
interface Sizes {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** Computes a network of one operation with the kernels of an implementation. */
function computed(apply: Apply, { batch, channels, height, width }: Sizes, by: Implementation, data?: Float32Array) {
  const graph = recordPart({ name: 'one', inputs: { x: map(channels) }, forward: (s, { x }) => ({ y: apply(s, x) }) });
  const weights = new Map(parametersOf(graph).map(({ key, shape }) => [key, weightOf(key, shape)]));
  const program = programOf('one', graph, weights);
  return onBackend('wasm', () => {
    const before = tf.memory().numTensors;
    const plan = by === simd ? withActivations(planOf(program, by)) : planOf(program, by);
    const shape = [batch, height, width, channels] as const;
    const x = tf.tensor4d(data ?? seededInput('x', [...shape]).data, [...shape]);
    const shapes = shapesOf(program.graph, { x: { batch, height, width } });
    const { y } = replay(plan, by.kernels, { x }, shapes);
    const values = y?.dataSync() as Float32Array;
    tf.dispose([x, y as tf.Tensor, ...plan.parameters]);
    expect(tf.memory().numTensors).to.equal(before);
    return { values, steps: plan.steps.map(({ node }) => node.op) };
  });
}

const weightOf = (key: string, shape: readonly number[]) => {
  const weight = seededInput(key, shape);
  return /var/.test(key) ? { ...weight, data: weight.data.map((value) => value ** 2 + 0.1) } : weight;
};

function expectEqual(apply: Apply, sizes: Sizes, tolerance = 2e-6): void {
  const { values: ours } = computed(apply, sizes, simd);
  const { values: theirs } = computed(apply, sizes, plain);
  expect(ours.length).to.equal(theirs.length);
  const peak = theirs.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  for (const [i, value] of ours.entries())
    expect(value / peak).to.be.closeTo((theirs[i] ?? Number.NaN) / peak, tolerance);
}

const sizes = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  channels: fc.integer({ min: 1, max: 21 }),
  height: fc.integer({ min: 1, max: 12 }),
  width: fc.integer({ min: 1, max: 12 }),
});

const activations = ['relu', 'gelu', 'silu', 'sigmoid'] as const;

describe('the kernels of this package on wasm', () => {
  it('are the compiled form of their source', async () => {
    expect(Buffer.from(await compileSimd()).toString('base64')).to.equal(simdModule);
  });

  it('bring no data into the memory that they share', () => {
    const sections: number[] = [];
    const bytes = Buffer.from(simdModule, 'base64');
    for (let at = 8; at < bytes.length; ) {
      sections.push(bytes[at] ?? 0);
      let length = 0;
      for (let shift = 0; ; shift += 7) {
        const byte = bytes[++at] ?? 0;
        length |= (byte & 127) << shift;
        if (byte < 128) break;
      }
      at += length + 1;
    }
    expect(sections).to.include(10).and.not.include(11); // code, data
  });

  for (const activation of activations) {
    it(`compute ${activation} of any number of values`, () => {
      fc.assert(fc.property(sizes, (each) => expectEqual((_, x) => F[activation](x), each)));
    });

    it(`pass NaN on through ${activation}, and give no number for one that has none`, () => {
      const special = Float32Array.of(Number.NaN, -Number.NaN, Number.POSITIVE_INFINITY, 1, -1, 0, Number.NaN);
      const { values } = computed(
        (_, x) => F[activation](x),
        { batch: 1, channels: 7, height: 1, width: 1 },
        simd,
        special,
      );
      expect([...values].map(Number.isNaN)).to.deep.equal([true, true, false, false, false, false, true]);
      expect(values[2]).to.equal(activation === 'sigmoid' ? 1 : Number.POSITIVE_INFINITY);
    });
  }

  it('compute GELU within 1e-6 of the error function', () => {
    const count = 4001;
    const x = Float32Array.from({ length: count }, (_, i) => (i - 2000) / 200);
    const { values } = computed((_, v) => F.gelu(v), { batch: 1, channels: 1, height: 1, width: count }, simd, x);
    for (const [i, value] of values.entries()) expect(value).to.be.closeTo(exactGelu(x[i] ?? 0), 1e-6);
  });

  it('compute convolutions of one pixel, with and without a bias and an activation', () => {
    const cases = fc.record({
      out: fc.integer({ min: 1, max: 27 }),
      bias: fc.boolean(),
      activation: fc.constantFrom(undefined, ...activations),
    });
    fc.assert(
      fc.property(sizes, cases, (each, { out, bias, activation }) => {
        const apply: Apply = (scope, x) => {
          const y = conv2d(scope.at('conv'), x, out, { kernel: 1, bias });
          return activation ? F[activation](y) : y;
        };
        expect(computed(apply, each, simd).steps).to.deep.equal([activation ?? 'conv2d']);
        expectEqual(apply, each);
      }),
    );
  });

  it('compute depthwise convolutions of any window, stride and dilation', () => {
    const cases = fc.record({
      kernel: fc.record({ height: fc.integer({ min: 1, max: 7 }), width: fc.integer({ min: 1, max: 7 }) }),
      stride: fc.integer({ min: 1, max: 3 }),
      dilation: fc.integer({ min: 1, max: 3 }),
      bias: fc.boolean(),
      activation: fc.constantFrom(undefined, ...activations),
    });
    fc.assert(
      fc.property(sizes, cases, (each, { kernel, stride, dilation, bias, activation }) => {
        const channels = each.channels + 7;
        const padding = {
          height: Math.floor((dilation * (kernel.height - 1)) / 2) + 1,
          width: Math.ceil((dilation * (kernel.width - 1)) / 2),
        };
        const size = { ...each, channels, height: each.height + 2, width: each.width + 2 };
        expectEqual((scope, x) => {
          const options = { kernel, stride, dilation, padding, bias, groups: channels };
          const y = conv2d(scope.at('conv'), x, channels, options);
          return activation ? F[activation](y) : y;
        }, size);
      }),
    );
  });

  it('apply an activation to what a convolution of TensorFlow.js has written', () => {
    const apply: Apply = (scope, x) => F.gelu(conv2d(scope.at('conv'), x, 5, { kernel: 3, stride: 2, padding: 1 }));
    const each = { batch: 2, channels: 3, height: 9, width: 7 };
    expect(computed(apply, each, simd).steps).to.deep.equal(['gelu']);
    expectEqual(apply, each);
  });

  it('leave an activation apart if something else reads the convolution', () => {
    const apply: Apply = (scope, x) => {
      const y = conv2d(scope.at('conv'), x, 5, { kernel: 1 });
      return F.add(F.relu(y), y);
    };
    const each = { batch: 1, channels: 3, height: 2, width: 2 };
    expect(computed(apply, each, simd).steps).to.deep.equal(['conv2d', 'relu', 'add']);
    expectEqual(apply, each);
  });

  it('normalise by channel and over channels, and scale', () => {
    const applies: readonly Apply[] = [
      (scope, x) => batchNorm(scope.at('norm'), x),
      (scope, x) => F.scale(x, scope.parameter('factor', [1, x.channels, 1, 1])),
    ];
    for (const apply of applies) fc.assert(fc.property(sizes, (each) => expectEqual(apply, each)));
    // one channel alone is its own mean: what is left is rounding, and divided by the root of eps
    const several = sizes.filter(({ channels }) => channels > 1);
    fc.assert(fc.property(several, (each) => expectEqual((scope, x) => layerNorm(scope.at('norm'), x), each, 1e-4)));
  });

  it('align regions to the same values, and none at all', () => {
    for (const count of [0, 1, 5]) {
      const graph = recordPart({
        name: 'one',
        inputs: { x: map(3), boxes: regions },
        forward: (_, { x, boxes }) => ({
          y: F.roiAlign(x, boxes, {
            outputSize: { height: 2, width: 3 },
            spatialScale: 0.5,
            samplingRatio: 0,
            aligned: true,
          }),
        }),
      });
      const program = programOf('one', graph, new Map());
      const shapes = shapesOf(graph, { x: { batch: 2, height: 9, width: 11 }, boxes: { batch: count } });
      const [ours, theirs] = [simd, plain].map((by) =>
        onBackend('wasm', () => {
          const x = tf.tensor4d(seededInput('x', [2, 9, 11, 3]).data, [2, 9, 11, 3]);
          const rows = Array.from({ length: count }, (_, i) => [i % 2, i, 2, 9 + i, 15]).flat();
          const boxes = tf.tensor4d(rows, [count, 1, 1, 5]);
          const { y } = replay(planOf(program, by), by.kernels, { x, boxes }, shapes);
          const data = y?.dataSync();
          tf.dispose([x, boxes, y as tf.Tensor]);
          return [...(data ?? [])];
        }),
      );
      expect(ours).to.deep.equal(theirs);
      expect(ours).to.have.length(count * 18);
    }
  });

  it('say so if they cannot start, and leave the work to TensorFlow.js', async () => {
    const { instance } = await startBackend('wasm');
    const unreachable = { ...instance, wasm: { asm: {} } } as unknown as tf.KernelBackend;
    expect((await startSimd(unreachable)).reason).to.equal('the memory of the wasm backend is not reachable');
    expect(simdOf(unreachable)).to.equal(undefined);
    expect(simdOf(instance)).not.to.equal(undefined);
    const engine = await tfjsEngine('wasm');
    expect(engine.detail).to.equal('1 thread, SIMD');
    await engine.dispose();
  });

  it('are compiled for a memory of threads too', async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
    const backend = { wasm: { asm: {}, wasmMemory: memory, _malloc: () => 1024 }, dataIdMap: new Map() };
    const { simd: started } = await startSimd(backend as unknown as tf.KernelBackend);
    expect(started?.threaded).to.equal(true);
    const values = new Float32Array(memory.buffer, 4096, 3);
    values.set([-1, 0, 2]);
    started?.functions.activate(4096, 8192, 3, 1);
    expect([...new Float32Array(memory.buffer, 8192, 4)]).to.deep.equal([0, 0, 2, 0]);
  });
});

/** x · ½ · (1 + erf(x / √2)) in double precision, by the series of erf and, far out, by its limit. */
function exactGelu(x: number): number {
  const z = x / Math.SQRT2;
  if (Math.abs(z) > 5) return Math.max(x, 0);
  let term = z;
  let sum = z;
  for (let n = 1; n < 120; n++) {
    term *= (-z * z) / n;
    sum += term / (2 * n + 1);
  }
  return x * 0.5 * (1 + (2 / Math.sqrt(Math.PI)) * sum);
}
