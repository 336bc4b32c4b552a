import { fromBinary } from '@bufbuild/protobuf';
import { expect } from 'chai';
import type { Named, NDArray } from '../../src/arrays.ts';
import { moganet } from '../../src/backbones/moganet.ts';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import {
  type GraphOptimizationLevel,
  type OnnxRuntime,
  type OnnxSession,
  onnxEngine,
  type SessionOptions,
} from '../../src/engines/onnx/engine.ts';
import { ModelProtoSchema } from '../../src/engines/onnx/generated/onnx_pb.ts';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import { ConfigError, EngineError } from '../../src/errors.ts';
import {
  conv2d,
  F,
  map,
  parametersOf,
  programOf,
  type Runner,
  recordPart,
  regions,
  type Value,
} from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { roiAlign } from '../../src/postprocess/roi_align.ts';
import { namedOutputs } from '../harness/engines.ts';
import { rejection } from '../harness/rejection.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

/** The promises of this engine alone; those of all engines are in the contract suite. */

/** A pyramid, pooled and resized to what a UPerHead makes of it, and regions of it. */
const nano = moganet({ type: 'moganet', arch: { dims: [16, 32, 48, 64], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] } });
const options = { outputSize: { height: 2, width: 2 }, spatialScale: 1 / 4, samplingRatio: 0, aligned: true };
const graph = recordPart({
  name: 'nano',
  inputs: { image: map(3), boxes: regions },
  forward: (scope, { image, boxes }) => {
    const [fine, , , coarse] = nano.forward(scope, image) as [Value, Value, Value, Value];
    const pooled = F.resize(F.adaptiveAvgPool(coarse, 3), { like: coarse });
    const up = conv2d(scope.at('fuse'), F.concat([coarse, pooled]), 16, { kernel: 3 });
    const fused = F.add(fine, F.resize(up, { like: fine }, { mode: 'nearest' }));
    return { fused, pooled: F.roiAlign(fused, boxes, options) };
  },
});
const weights = new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)]));
const program = programOf('nano', graph, weights, passes);
const noBoxes: NDArray = { shape: [0, 5], data: new Float32Array(0) };
const boxes: NDArray = { shape: [2, 5], data: Float32Array.of(0, 3, 5, 40, 31, 0, -9, 20, 60, 90) };

const image = (height: number, width: number, batch = 1) => seededInput('input', [batch, 3, height, width]);

/** Runs a program and reads the outputs of these names. */
async function valuesOf<Output extends string>(
  runner: Runner,
  inputs: Named<NDArray>,
  ...names: readonly Output[]
): Promise<Readonly<Record<Output, NDArray>>> {
  const outputs = await namedOutputs(runner, inputs, ...names);
  const entries = names.map(async (name) => [name, await outputs[name].read()] as const);
  return Object.fromEntries(await Promise.all(entries)) as Record<Output, NDArray>;
}

/** Float32 sums in another order, through some thirty layers. */
function expectSame(actual: NDArray, expected: NDArray, tolerance = 2e-5): void {
  expect(actual.shape).to.deep.equal(expected.shape);
  const peak = expected.data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
  const worst = expected.data.reduce((max, value, i) => Math.max(max, Math.abs(value - (actual.data[i] ?? 0))), 0);
  expect(worst).to.be.at.most(tolerance * peak);
}

interface Recorded {
  readonly ort: OnnxRuntime;
  readonly created: SessionOptions[];
  readonly models: Uint8Array[];
  running: number;
  mostRunning: number;
  released: number;
}

/** onnxruntime, with notes of its calls. */
function recorded(real: OnnxRuntime): Recorded {
  const watch = (session: OnnxSession): OnnxSession => ({
    run: async (feeds, fetches) => {
      notes.mostRunning = Math.max(notes.mostRunning, ++notes.running);
      try {
        return await session.run(feeds, fetches);
      } finally {
        notes.running--;
      }
    },
    release: async () => {
      expect(notes.running, 'runs while a session is released').to.equal(0);
      notes.released++;
      await session.release();
    },
  });
  const notes: Recorded = {
    created: [],
    models: [],
    running: 0,
    mostRunning: 0,
    released: 0,
    ort: {
      Tensor: real.Tensor,
      InferenceSession: {
        create: async (model, sessionOptions) => {
          notes.created.push(sessionOptions ?? {});
          notes.models.push(model);
          return watch(await real.InferenceSession.create(model, sessionOptions));
        },
      },
    },
  };
  return notes;
}

describe('the onnxruntime engine', () => {
  let real: OnnxRuntime;
  before(async function () {
    const { ort, reason } = await loadOnnxRuntime();
    if (ort) real = ort;
    else {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
  });

  it('computes parts of a map on the whole map in the blocked layout only', async () => {
    const { ort, models } = recorded({
      ...real,
      InferenceSession: {
        create: (model, { executionProviders: _, ...options } = {}) => real.InferenceSession.create(model, options),
      },
    });
    const sessions: SessionOptions[] = [
      {},
      { executionProviders: ['cpu'] },
      { executionProviders: [{ name: 'webgpu' }, 'cpu'] },
      { graphOptimizationLevel: 'extended' },
    ];
    const engines = [
      ...sessions.map((session) => onnxEngine(ort, { threads: 1, session })),
      onnxEngine({ ...ort, env: { versions: { web: '1.30.0' } } }, { threads: 1 }),
    ];
    for (const engine of engines) {
      await engine.load(program);
      await engine.dispose();
    }
    const slices = models.map((model) => {
      const nodes = fromBinary(ModelProtoSchema, model).graph?.node ?? [];
      return nodes.filter(({ opType, name }) => opType === 'Slice' && name.includes('.value')).length;
    });
    expect(slices).to.deep.equal([0, 0, 4 * 3, 4 * 3, 4 * 3]);
  });

  it('makes one session for twenty images of different sizes', async () => {
    const { ort, created } = recorded(real);
    const engine = onnxEngine(ort, { threads: 1 });
    const runner = await engine.load(program);
    for (let i = 0; i < 20; i++) {
      const size = image(32 + 5 * i, 60 + 3 * (i % 7));
      const { fused } = await namedOutputs(runner, { image: size, boxes: noBoxes }, 'fused');
      expect(fused.shape.slice(2)).to.deep.equal([Math.ceil((32 + 5 * i) / 4), Math.ceil((60 + 3 * (i % 7)) / 4)]);
    }
    expect(created).to.have.length(1);
    await engine.dispose();
  });

  it('computes the same as TensorFlow.js for three sizes, a batch and any regions', async () => {
    const [onnx, tfjs] = [onnxEngine(real, { threads: 1 }), await tfjsEngine('cpu')];
    const [ours, theirs] = [await onnx.load(program), await tfjs.load(program)];
    const both = ['fused', 'pooled'] as const;
    for (const inputs of [
      { image: image(64, 96), boxes },
      { image: image(75, 93), boxes: noBoxes },
      { image: image(33, 47, 2), boxes },
      { image: image(64, 96), boxes: noBoxes }, // and back
    ]) {
      const [actual, expected] = [await valuesOf(ours, inputs, ...both), await valuesOf(theirs, inputs, ...both)];
      expectSame(actual.fused, expected.fused);
      expectSame(actual.pooled, expected.pooled);
    }
    for (const engine of [onnx, tfjs]) await engine.dispose();
  });

  it('keeps the pooling matrices of some sizes and makes forgotten ones again', async () => {
    const pooling = recordPart({
      name: 'pooling',
      inputs: { x: map(1) },
      forward: (_, { x }) => ({ y: F.adaptiveAvgPool(x, { height: 1, width: 2 }) }),
    });
    const engine = onnxEngine(real, { threads: 1 });
    const runner = await engine.load(programOf('pooling', pooling, new Map()));
    for (let n = 0; n < 40; n++) {
      const width = 2 * (1 + ((n * 7) % 12)); // twelve sizes, each a few times
      const data = Float32Array.from({ length: width }, (_, i) => (i < width / 2 ? 3 : 5));
      const { y } = await valuesOf(runner, { x: { shape: [1, 1, 1, width], data } }, 'y');
      expect([...y.data].map((value) => Math.round(1e5 * value) / 1e5)).to.deep.equal([3, 5]);
    }
    await engine.dispose();
  });

  it('runs calls that overlap one after the other, and finishes them before it is disposed', async () => {
    const notes = recorded(real);
    const engine = onnxEngine(notes.ort, { threads: 1 });
    const [first, second] = await Promise.all([engine.load(program), engine.load(program)]);
    const heights = [32, 64, 96, 48];
    const runs = heights.map((height, i) =>
      namedOutputs(i % 2 ? first : second, { image: image(height, 64), boxes: noBoxes }, 'fused'),
    );
    const shapes = (await Promise.all(runs)).map(({ fused }) => fused.shape);
    expect(shapes).to.deep.equal(heights.map((height) => [1, 16, height / 4, 16]));
    expect(notes.mostRunning).to.equal(1);

    const last = namedOutputs(first, { image: image(64, 64), boxes: noBoxes }, 'fused');
    await new Promise((resolve) => setImmediate(resolve)); // it has begun
    await engine.dispose();
    expect((await last).fused.shape).to.deep.equal([1, 16, 16, 16]);
    expect(notes.released).to.equal(2);
  });

  it('goes on after a run that failed', async () => {
    const engine = onnxEngine(real, { threads: 1 });
    const runner = await engine.load(program);
    const failing = runner.run({
      image: image(64, 64),
      boxes: { shape: [1, 5], data: Float32Array.of(7, 0, 0, 9, 9) },
    });
    const [failed, ran] = await Promise.allSettled([failing, runner.run({ image: image(64, 64), boxes: noBoxes })]);
    expect(failed.status).to.equal('rejected');
    expect((failed as PromiseRejectedResult).reason).to.be.instanceOf(EngineError);
    expect((failed as PromiseRejectedResult).reason.message).to.match(/^nano: onnxruntime failed: .*RoiAlign/is);
    expect(ran.status).to.equal('fulfilled');
    await engine.dispose();
  });

  it('refuses what is not the runtime, and options that it has not', () => {
    const given: readonly (readonly [unknown, unknown, RegExp])[] = [
      [undefined, {}, /first argument is nothing.*onnxruntime-node/],
      [{}, {}, /first argument/],
      [real, { thread: 2 }, /unknown option "thread".*"threads"/],
      [real, { threads: 0 }, /threads must be a whole number of at least 1, got 0/],
      [real, { threads: '2' }, /threads must be a whole number/],
    ];
    for (const [ort, options, message] of given) {
      expect(() => onnxEngine(ort as OnnxRuntime, options as object)).to.throw(ConfigError, message);
    }
  });

  it('computes on the caller’s thread, and says so', () => {
    expect(onnxEngine(real, { threads: 1 }).blocking).to.equal(true);
  });

  it('reports a session that cannot be released when the engine is disposed', async () => {
    const stubborn: OnnxRuntime = {
      Tensor: real.Tensor,
      InferenceSession: {
        create: async (model, given) => {
          const session = await real.InferenceSession.create(model, given);
          const release = async () => {
            await session.release();
            throw new Error('it is stuck');
          };
          return { run: (...given) => session.run(...given), release };
        },
      },
    };
    const engine = onnxEngine(stubborn, { threads: 1 });
    const runner = await engine.load(program);
    runner.dispose();
    await new Promise((resolve) => setTimeout(resolve, 5)); // an unhandled rejection would end the process
    const failure = await rejection(engine.dispose());
    expect(failure).to.be.instanceOf(EngineError);
    expect(failure.message).to.match(/^nano: onnxruntime cannot free it: it is stuck/);
  });

  it('does not need the weights once it has loaded', async () => {
    const copies = new Map([...weights].map(([key, { shape, data }]) => [key, { shape, data: data.slice() }]));
    const engine = onnxEngine(real, { threads: 1 });
    const runner = await engine.load(programOf('nano', graph, copies));
    const inputs = { image: image(64, 64), boxes };
    const before = await valuesOf(runner, inputs, 'fused', 'pooled');
    for (const { data } of copies.values()) data.fill(Number.NaN);
    expect(await valuesOf(runner, inputs, 'fused', 'pooled')).to.deep.equal(before);
    await engine.dispose();
  });

  it('gives the same values at every level of optimisation, and passes on its options', async () => {
    const levels: GraphOptimizationLevel[] = ['disabled', 'basic', 'extended', 'all'];
    const { ort, created } = recorded(real);
    let reference: NDArray | undefined;
    for (const graphOptimizationLevel of levels) {
      const engine = onnxEngine(ort, { threads: 2, graphOptimizationLevel });
      expect(engine.detail).to.equal('2 threads');
      const runner = await engine.load(program);
      const { fused } = await valuesOf(runner, { image: image(64, 96), boxes: noBoxes }, 'fused');
      reference ??= fused;
      expectSame(fused, reference);
      await engine.dispose();
    }
    expect(created.map((given) => given.graphOptimizationLevel)).to.deep.equal(levels);
    expect(created.map((given) => given.intraOpNumThreads)).to.deep.equal([2, 2, 2, 2]);
  });

  it('names the program that onnxruntime cannot load', async () => {
    const broken: OnnxRuntime = {
      Tensor: real.Tensor,
      InferenceSession: { create: (model, given) => real.InferenceSession.create(model.subarray(0, 40), given) },
    };
    const engine = onnxEngine(broken);
    let failure: unknown;
    await engine.load(program).catch((error: unknown) => {
      failure = error;
    });
    expect(failure).to.be.instanceOf(EngineError);
    expect((failure as Error).message).to.match(/^nano: onnxruntime cannot load it: \w/);
  });

  // 6 × 7 pixels, a stride of 4: inside, flat, larger than the map, outside, across an edge, a point, nearly a point
  const edgeBoxes = [
    [0, 2, 3, 19, 17],
    [0, 3, 3, 3, 3],
    [0, 2, 2, 2, 9],
    [0, -20, -20, 60, 60],
    [0, -9, -9, -5, -5],
    [0, 100, 100, 120, 120],
    [0, 20, 20, 28, 24],
    [0, 0, 0, 28, 24],
    [1, 27.9, 23.9, 28, 24],
    [1, 0, 0, 0.01, 0.01],
  ];
  for (const samplingRatio of [0, 2]) {
    for (const aligned of [true, false]) {
      it(`pools regions at and beyond the edges as mmcv does (${samplingRatio} samples, aligned ${aligned})`, async () => {
        const how = { outputSize: { height: 2, width: 3 }, spatialScale: 0.25, samplingRatio, aligned };
        const part = recordPart({
          name: 'edges',
          inputs: { x: map(2), r: regions },
          forward: (_, { x, r }) => ({ y: F.roiAlign(x, r, how) }),
        });
        const inputs = {
          x: seededInput('x', [2, 2, 6, 7]),
          r: { shape: [edgeBoxes.length, 5], data: Float32Array.from(edgeBoxes.flat()) },
        };
        const engine = onnxEngine(real, { threads: 1 });
        const runner = await engine.load(programOf('edges', part, new Map()));
        const { y } = await valuesOf(runner, inputs, 'y');
        expectSame(y, roiAlign(inputs.x, inputs.r, how), 1e-6);
        await engine.dispose();
      });
    }
  }

  it('counts the samples of a bin as mmcv does, also if the bin is nearly a whole number of pixels', async () => {
    const how = { outputSize: { height: 7, width: 7 }, spatialScale: 0.25, samplingRatio: 0, aligned: true };
    const part = recordPart({
      name: 'whole',
      inputs: { x: map(1), r: regions },
      forward: (_, { x, r }) => ({ y: F.roiAlign(x, r, how) }),
    });
    // a side of 7 · k / 0.25 pixels: in doubles ⌈bin⌉ is often one more than in float32, which the reference computes
    const rows = Array.from({ length: 200 }, (_, i) => {
      const side = (7 * (1 + (i % 4))) / 0.25;
      const [x1, y1] = [Math.fround((i * 7.3137) % 80), Math.fround((i * 3.7719) % 80)];
      return [0, x1, y1, Math.fround(x1 + side), Math.fround(y1 + side)];
    });
    const inDoubles = rows.filter(
      ([, x1 = 0, , x2 = 0]) => Math.ceil(((x2 - x1) * 0.25) / 7) > Math.round((x2 - x1) / 28),
    );
    expect(inDoubles.length).to.be.above(20);
    const inputs = {
      x: seededInput('x', [1, 1, 40, 40]),
      r: { shape: [rows.length, 5], data: Float32Array.from(rows.flat()) },
    };
    const engine = onnxEngine(real, { threads: 1 });
    const runner = await engine.load(programOf('whole', part, new Map()));
    const { y } = await valuesOf(runner, inputs, 'y');
    expectSame(y, roiAlign(inputs.x, inputs.r, how), 1e-5);
    await engine.dispose();
  });

  it('takes nearest pixels at floor(dst · in / out), also if a division of floats gives the one before', async () => {
    const part = recordPart({
      name: 'nearest',
      inputs: { x: map(1), like: map(1) },
      forward: (_, { x, like }) => ({ y: F.resize(x, { like }, { mode: 'nearest' }) }),
    });
    const engine = onnxEngine(real, { threads: 1 });
    const runner = await engine.load(programOf('nearest', part, new Map()));
    for (const [from, to] of [
      [14, 2],
      [14, 32],
      [9, 17],
      [25, 13],
    ] as const) {
      const x = { shape: [1, 1, 1, from], data: Float32Array.from({ length: from }, (_, i) => i) };
      const like = { shape: [1, 1, 1, to], data: new Float32Array(to) };
      const { y } = await valuesOf(runner, { x, like }, 'y');
      expect([...y.data]).to.deep.equal(Array.from({ length: to }, (_, i) => Math.floor((i * from) / to)));
    }
    await engine.dispose();
  });
});
