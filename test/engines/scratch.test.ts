import * as tf from '@tensorflow/tfjs-core';
import { expect } from 'chai';
import { onBackend, startBackend } from '../../src/engines/tfjs/backend.ts';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import { plain } from '../../src/engines/tfjs/implementation.ts';
import type { Implementation } from '../../src/engines/tfjs/kernel.ts';
import { peakBytes } from '../../src/engines/tfjs/memory.ts';
import { planOf, replay } from '../../src/engines/tfjs/replay.ts';
import { startSimd } from '../../src/engines/tfjs/simd.ts';
import { withActivations } from '../../src/engines/tfjs/simd_fuse.ts';
import { simdImplementation } from '../../src/engines/tfjs/simd_kernels.ts';
import { bytesHeldBy } from '../../src/engines/tfjs/wasm.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { createModel } from '../../src/models/create.ts';
import { inputsOf } from '../../src/nn/graph.ts';
import {
  batchNorm,
  conv2d,
  convTranspose2d,
  type Engine,
  F,
  groupNorm,
  layerNorm,
  linear,
  map,
  mixPositions,
  parametersOf,
  programOf,
  recordPart,
  regions,
  type Scope,
  shapesOf,
  type Value,
} from '../../src/nn/index.ts';
import type { Operation } from '../../src/nn/ops.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import type { MapShape } from '../../src/nn/shapes.ts';
import { engines } from '../harness/engines.ts';
import { seededInput } from '../harness/seeded.ts';

/** What the kernels say that they hold, against what the wasm backend counts. */

type Apply = (scope: Scope, x: Value, boxes: Value) => Value;

const size = { height: 40, width: 36 };
const parameter = (scope: Scope, ...shape: number[]) => scope.parameter('weight', shape);
const align = { outputSize: { height: 7, width: 7 }, spatialScale: 1, samplingRatio: 2, aligned: true };
const windows = (window: number, shift: number, padding: 'first' | 'last'): Apply => {
  return (scope, x) =>
    F.windowAttention(x, { table: parameter(scope, (2 * window - 1) ** 2, 2) }, { heads: 2, window, shift, padding });
};

const cases: { readonly [K in Operation]: readonly Apply[] } = {
  conv2d: [
    (s, x) => conv2d(s, x, 12, { kernel: 3 }),
    (s, x) => conv2d(s, x, 12, { kernel: 1 }),
    (s, x) => conv2d(s, x, 12, { kernel: 3, groups: 12 }),
    (s, x) => conv2d(s, x, 12, { kernel: 3, groups: 3 }),
    (s, x) => conv2d(s, x, 12, { kernel: 3, groups: 3, bias: false }),
    (s, x) => conv2d(s, x, 12, { kernel: 3, stride: 2, dilation: 2 }),
    (s, x) => conv2d(s, x, 24, { kernel: 7, stride: 2 }),
  ],
  convTranspose2d: [
    (s, x) => convTranspose2d(s, x, 12, { kernel: 2, stride: 2 }),
    (s, x) => convTranspose2d(s, x, 12, { kernel: 3, stride: 2, padding: 1 }),
    (s, x) => convTranspose2d(s, x, 12, { kernel: 4, stride: 2, padding: 1, bias: false }),
    (s, x) => convTranspose2d(s, x, 12, { kernel: 3, stride: 1, padding: 1 }),
  ],
  linear: [(s, x) => linear(s, x, 50, size)],
  batchNorm: [(s, x) => batchNorm(s, x)],
  groupNorm: [(s, x) => groupNorm(s, x, 3), (s, x) => groupNorm(s, x, 12)],
  layerNorm: [(s, x) => layerNorm(s, x)],
  relu: [(_, x) => F.relu(x)],
  silu: [(_, x) => F.silu(x)],
  sigmoid: [(_, x) => F.sigmoid(x)],
  gelu: [(_, x) => F.gelu(x)],
  hardsigmoid: [(_, x) => F.hardsigmoid(x)],
  hardswish: [(_, x) => F.hardswish(x)],
  scale: [(s, x) => F.scale(x, parameter(s, 1, 12, 1, 1))],
  add: [(_, x) => F.add(x, x)],
  sub: [(_, x) => F.sub(x, x)],
  mul: [(_, x) => F.mul(x, x)],
  concat: [(_, x) => F.concat([x, x]), (_, x) => F.concat([x, x], 'batch')],
  slice: [(_, x) => F.slice(x, 2, 9)],
  globalAvgPool: [(_, x) => F.globalAvgPool(x)],
  adaptiveAvgPool: [(_, x) => F.adaptiveAvgPool(x, 1), (_, x) => F.adaptiveAvgPool(x, 6)],
  maxPool: [
    (_, x) => F.maxPool(x, { kernel: 3, stride: 2, padding: 1 }),
    (_, x) => F.maxPool(x, { kernel: 1, stride: 2 }),
  ],
  avgPool: [(_, x) => F.avgPool(x, { kernel: 3, stride: 2, padding: 1 })],
  resize: [
    (_, x) => F.resize(x, { factor: 2 }),
    (_, x) => F.resize(x, { factor: 2 }, { mode: 'nearest' }),
    (_, x) => F.resize(F.adaptiveAvgPool(x, 9), { like: F.adaptiveAvgPool(x, 17) }, { mode: 'nearest' }),
  ],
  roiAlign: [(_, x, boxes) => F.roiAlign(x, boxes, align)],
  padToMultiple: [(_, x) => F.padToMultiple(x, 7)],
  mergePatches: [(_, x) => F.mergePatches(x)],
  windowAttention: [
    windows(7, 3, 'first'),
    windows(7, 0, 'last'),
    windows(4, 0, 'first'),
    windows(4, 2, 'last'),
    windows(12, 0, 'first'),
    windows(12, 6, 'last'),
    // many channels: moving pixels takes more than the scores
    (s, x) => windows(7, 3, 'first')(s, F.concat(new Array<Value>(16).fill(x)), x),
    (s, x) => windows(7, 3, 'last')(s, F.concat(new Array<Value>(16).fill(x)), x),
    (s, x) => windows(7, 0, 'first')(s, F.concat(new Array<Value>(16).fill(x)), x),
    (s, x) => windows(4, 0, 'first')(s, F.concat(new Array<Value>(16).fill(x)), x),
  ],
  attention: [(_, x) => F.attention(x, 2), (_, x) => F.attention(F.padToMultiple(x, 54), 2)],
  linearAttention: [(_, x) => F.linearAttention(x, 2)],
  mixPositions: [(s, x) => mixPositions(s, x, size, 30), (s, x) => mixPositions(s, x, size, 50)],
  shift: [(_, x) => F.shift(x, { rows: 1, columns: -2 })],
  circularConv2d: [
    (s, x) => F.circularConv2d(x, parameter(s, 12, 1, 9, 1), 'height'),
    (s, x) => F.circularConv2d(x, parameter(s, 12, 1, 1, 36), 'width'),
  ],
  addAlongAxis: [(s, x) => F.addAlongAxis(x, parameter(s, 1, 12, 9, 1), 'height')],
};

let simd: Implementation;
before(async () => {
  const { instance } = await startBackend('wasm');
  const found = await startSimd(instance);
  if (!found.simd) throw new Error(found.reason);
  simd = simdImplementation(found.simd);
});

const implementations: Readonly<Record<string, () => Implementation>> = {
  'of TensorFlow.js': () => plain,
  'of this package': () => simd,
};

for (const [whose, implementation] of Object.entries(implementations)) {
  describe(`what a kernel ${whose} holds on wasm`, () => holdsWhatItSays(implementation));
}

function holdsWhatItSays(implementation: () => Implementation): void {
  let engine: Engine;
  before(async () => {
    engine = await tfjsEngine('wasm');
  });
  after(() => engine.dispose());

  for (const [op, applies] of Object.entries(cases) as [Operation, readonly Apply[]][]) {
    it(`is what ${op} says, or up to a factor of 1.6 less`, () => {
      const by = implementation();
      for (const [i, apply] of applies.entries()) {
        for (const batch of [1, 2]) {
          const recorded = recordPart({
            name: 'one',
            inputs: { x: map(12), boxes: regions },
            forward: (scope, { x, boxes }) => ({ y: apply(scope.at('layer'), x, boxes) }),
          });
          const weights = new Map(
            parametersOf(recorded).map(({ key, shape }) => {
              return [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }];
            }),
          );
          const program = programOf('one', recorded, weights);
          const shapes = shapesOf(program.graph, { x: { batch, ...size }, boxes: { batch: 20 } });
          const node = program.graph.nodes.findLast((each) => each.op === op)!;
          const maps = inputsOf(node).flatMap((id) => shapes[id] ?? []);
          const stated = by.held[op](node.attributes as never, maps as never, shapes[node.id] as MapShape);
          expect(realOf(program, batch, op, by) / stated, `case ${i}, batch ${batch}: ${stated}`).to.be.within(
            1 / 1.6,
            1.01,
          );
        }
      }
    });
  }
}

describe('the memory of wasm', () => {
  const backbones: Readonly<Record<string, ModelConfig['backbone']>> = {
    moganet: { type: 'moganet', arch: { dims: [16, 32, 48, 64], depths: [1, 1, 1, 1], ratios: [8, 8, 4, 4] } },
    convnext: { type: 'convnext', arch: { dims: [24, 48, 96, 192], depths: [1, 1, 1, 1] } },
    swin: { type: 'swin', arch: { dim: 24, depths: [2, 2, 2, 2], heads: [1, 2, 4, 8] } },
    resnet: { type: 'resnet', depth: 18 },
  };
  for (const [name, backbone] of Object.entries(backbones)) {
    it(`is known within a factor of 1.5 before ${name} runs`, async () => {
      const { graph } = createModel({ backbone }).pyramid;
      const weights = new Map(
        parametersOf(graph).map(({ key, shape }) => {
          return [key, { shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }];
        }),
      );
      const program = programOf('features', graph, weights, passes);
      const engine = await tfjsEngine('wasm');
      const runner = await engine.load(program);
      const bytes = bytesHeldBy(onBackend('wasm', () => tf.backend()));
      const [before, edge] = [bytes.now, 160];
      bytes.peak = before;
      const image = { shape: [1, 3, edge, edge], data: new Float32Array(3 * edge ** 2) };
      for (const output of Object.values(await runner.run({ image }))) output.dispose();
      const real = bytes.peak - before;
      const shapes = shapesOf(program.graph, { image: { batch: 1, height: edge, width: edge } });
      const plan = onBackend('wasm', () => withActivations(planOf(program, simd)));
      expect(peakBytes(plan, shapes) / real).to.be.within(0.97, 1.5);
      tf.dispose([...plan.parameters]);
      await engine.dispose();
    });
  }

  it('is not filled by the scores of attention: queries go in chunks', async () => {
    const recorded = recordPart({
      name: 'a',
      inputs: { x: map(6) },
      forward: (_, { x }) => ({ y: F.attention(x, 1) }),
    });
    const program = programOf('a', recorded, new Map());
    const edge = 70; // 24 million scores
    const results: Float32Array[] = [];
    for (const start of [() => tfjsEngine('wasm', { memoryBudget: 2e8 }), engines.onnxruntime!]) {
      const engine = await start();
      if (typeof engine === 'string') continue; // without it, there is no other to compare with in time
      const runner = await engine.load(program);
      const { y } = await runner.run({ x: seededInput('x', [1, 6, edge, edge]) });
      results.push((await y?.read())?.data ?? new Float32Array());
      y?.dispose();
      await engine.dispose();
    }
    const [ours = new Float32Array(), theirs = ours] = results;
    expect(ours.length).to.equal(2 * edge ** 2);
    for (const [i, value] of ours.entries()) expect(value).to.be.closeTo(theirs[i] ?? Number.NaN, 1e-6);
  });

  it('is not filled by what the page keeps on another backend', async () => {
    const other = await tfjsEngine('cpu');
    const theirs = onBackend('cpu', () => tf.zeros([1000, 1000]));
    const memoryBudget = bytesHeldBy(onBackend('wasm', () => tf.backend())).now + 3e6;
    const engine = await tfjsEngine('wasm', { memoryBudget });
    const runner = await engine.load(programOf('relu', relu, new Map()));
    const { y } = await runner.run({ x: { shape: [1, 12, 1, 1], data: new Float32Array(12) } });
    y?.dispose();
    theirs.dispose();
    await Promise.all([engine.dispose(), other.dispose()]);
  });
});

const relu = recordPart({ name: 'relu', inputs: { x: map(12) }, forward: (_, { x }) => ({ y: F.relu(x) }) });

/** Returns the most values that the last kernel of an operation holds, as the backend counts them. */
function realOf(program: ReturnType<typeof programOf>, batch: number, op: Operation, by: Implementation): number {
  return onBackend('wasm', () => {
    const bytes = bytesHeldBy(tf.backend());
    const plan = planOf(program, by);
    const shapes = shapesOf(program.graph, { x: { batch, ...size }, boxes: { batch: 20 } });
    const x = tf.ones([batch, size.height, size.width, 12]) as tf.Tensor4D;
    const boxes = tf.zeros([20, 1, 1, 5]) as tf.Tensor4D;
    let real = 0;
    const kernel = by.kernels[op] as (...given: unknown[]) => tf.Tensor4D;
    const watched = (...given: unknown[]): tf.Tensor4D => {
      const before = bytes.now;
      bytes.peak = before;
      const result = kernel(...given);
      real = (bytes.peak - before) / 4;
      return result;
    };
    const outputs = replay(plan, { ...by.kernels, [op]: watched }, { x, boxes }, shapes);
    tf.dispose([...Object.values(outputs), x, boxes, ...plan.parameters]);
    return real;
  });
}
