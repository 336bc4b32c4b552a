import { expect } from 'chai';
import { swin } from '../../src/backbones/swin.ts';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import { type OnnxRuntime, onnxEngine } from '../../src/engines/onnx/engine.ts';
import { projectionsOf } from '../../src/engines/onnx/projections.ts';
import { conv2d, F, loadPart, programOf, type Scope, type Value } from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { record, seeded } from '../harness/optimised.ts';
import { seededInput } from '../harness/seeded.ts';

/** Attention in windows and the convolution before it as one operator of onnxruntime. */

const shifted = { heads: 2, window: 3, shift: 1, padding: 'last' } as const;

const tableOf = (scope: Scope) => scope.parameter('table', [(2 * shifted.window - 1) ** 2, shifted.heads]);

/** Attention in windows of what `project` makes, padded by the bias `padding`. */
const attended =
  (project: (scope: Scope, x: Value) => Value, padding = 'qkv') =>
  (scope: Scope, x: Value) => {
    const qkv = project(scope.at('qkv'), x);
    const bias = scope.at(padding).parameter('bias', [qkv.channels]);
    return { y: F.windowAttention(qkv, { table: tableOf(scope), bias }, shifted), qkv };
  };
const projected = attended((scope, x) => conv2d(scope, x, 3 * x.channels, { kernel: 1 }));

const pathsOf = (forward: (scope: Scope, x: Value) => Readonly<Record<string, Value>>, channels = 4): string[] =>
  [...projectionsOf(record(forward, channels)).values()].map(({ path }) => path);

const swinT = record((scope, x) =>
  Object.fromEntries(
    swin({ type: 'swin', arch: 't' })
      .forward(scope, x)
      .map((y, i) => [`stage${i}`, y]),
  ),
);

/** Expects of every session whether its model has operators that ONNX does not have. */
const reading = (ort: OnnxRuntime, hasOthers: boolean): OnnxRuntime => ({
  Tensor: ort.Tensor,
  InferenceSession: {
    create: (model, options) => {
      expect(Buffer.from(model).includes('com.microsoft')).to.equal(hasOthers);
      return ort.InferenceSession.create(model, options);
    },
  },
});

describe('attention in windows with its projection', () => {
  it('is found for up to 384 channels: in three stages of Swin-T', () => {
    const { graph } = programOf('swin', swinT, seeded(swinT), passes);
    expect([...projectionsOf(graph).values()].map(({ path }) => path)).to.deep.equal(
      [0, 1, 2].flatMap((stage) =>
        [...Array(stage === 2 ? 6 : 2).keys()].map((i) => `layers.${stage}.blocks.${i}.attn.qkv`),
      ),
    );
  });

  it('is not found if something else reads the projection, or if it is another convolution', () => {
    const alone = (forward: typeof projected) => (scope: Scope, x: Value) => ({ y: forward(scope, x).y });
    const of = (options: Parameters<typeof conv2d>[3]) =>
      pathsOf(alone(attended((scope, x) => conv2d(scope, x, 3 * x.channels, options))));
    expect(pathsOf(alone(projected))).to.deep.equal(['qkv']);
    expect(pathsOf(projected)).to.deep.equal([]);
    expect(pathsOf(alone(projected), 386)).to.deep.equal([]);
    expect(of({ kernel: 3 })).to.deep.equal([]);
    expect(of({ kernel: 1, groups: 2 })).to.deep.equal([]);
    expect(of({ kernel: 1, bias: false })).to.deep.equal([]);
    expect(pathsOf(alone(attended((scope, x) => conv2d(scope, x, 12, { kernel: 1 }), 'other')))).to.deep.equal([]);
    expect(pathsOf(alone(attended((scope, x) => conv2d(scope, x, 18, { kernel: 1 }))))).to.deep.equal([]);
  });

  it('is one operator for onnxruntime only, and other files do not name its domain', () => {
    const program = programOf('swin', swinT, seeded(swinT), passes);
    const operatorsOf = (options: Parameters<typeof emitOnnx>[1]) => {
      const { graph, domains } = emitOnnx(program, options);
      return { domains, count: graph.node.filter(({ domain }) => domain === 'com.microsoft').length };
    };
    expect(operatorsOf({ blocked: true })).to.deep.equal({ domains: ['com.microsoft'], count: 10 });
    for (const options of [{}, { standalone: true }]) {
      expect(operatorsOf(options)).to.deep.equal({ domains: [], count: 0 });
    }
  });

  for (const shift of [0, 1]) {
    for (const bias of [true, false]) {
      it(`gives what both give apart, ${shift ? 'shifted' : 'in place'}, ${bias ? 'with' : 'without'} a bias`, async function () {
        const { ort } = await loadOnnxRuntime();
        if (!ort) return this.skip();
        const graph = record((scope, x) => {
          const qkv = conv2d(scope.at('qkv'), x, 3 * x.channels, { kernel: 1, bias });
          const padding = bias ? scope.at('qkv').parameter('bias', [qkv.channels]) : undefined;
          const y = F.windowAttention(qkv, { table: tableOf(scope), bias: padding }, { ...shifted, shift });
          return { y: conv2d(scope.at('proj'), y, x.channels, { kernel: 1 }) };
        }, 32);
        const input = seededInput('x', [2, 32, 7, 11]); // three windows by four, of which the last ones are padded
        const run = async (graphOptimizationLevel: 'all' | 'extended') => {
          const runtime = reading(ort, graphOptimizationLevel === 'all');
          const engine = onnxEngine(runtime, { threads: 1, graphOptimizationLevel });
          const part = await loadPart(engine, { name: 'part', graph }, seeded(graph));
          const { y } = await part.run({ x: input });
          await engine.dispose();
          return y!.read();
        };
        const [together, apart] = [await run('all'), await run('extended')];
        const peak = Math.max(...apart.data.map(Math.abs));
        const differences = together.data.map((value, i) => Math.abs(value - apart.data[i]!) / peak);
        expect(Math.max(...differences)).to.be.below(2e-6);
      });
    }
  }
});
