import { expect } from 'chai';
import { channelAggregation, moganet } from '../../src/backbones/moganet.ts';
import { loadOnnxRuntime } from '../../src/engines/node.ts';
import { emitOnnx } from '../../src/engines/onnx/emit.ts';
import { largeInput, wideMapsOf } from '../../src/engines/onnx/parts.ts';
import { onnxInParts } from '../../src/engines/onnx/serialize.ts';
import {
  conv2d,
  F,
  type Graph,
  layerNorm,
  map,
  programOf,
  recordPart,
  type Scope,
  type Value,
} from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { record, seeded } from '../harness/optimised.ts';
import { seededInput } from '../harness/seeded.ts';

type Named = Readonly<Record<string, Value>>;

const point = (scope: Scope, x: Value, channels: number) => conv2d(scope, x, channels, { kernel: 1 });
const depthwise = (scope: Scope, x: Value) => conv2d(scope, x, x.channels, { kernel: 3, groups: x.channels });

/** 128 channels, in four parts. */
const wide = (scope: Scope, x: Value): Value =>
  F.gelu(depthwise(scope.at('depthwise'), point(scope.at('widen'), x, 128)));
const strided = (scope: Scope, x: Value): Value => conv2d(scope.at('stem'), x, 8, { kernel: 4, stride: 4 });

/** A mixer on a plain map, whose sum is read later, and one on a normed map, whose sum only norms read. */
const mixers = record((scope, x) => {
  const stem = strided(scope, x);
  const first = F.add(point(scope.at('fc2'), channelAggregation(scope, wide(scope.at('first'), stem)), 8), stem);
  const normed = layerNorm(scope.at('norm'), first);
  const second = F.add(normed, point(scope.at('narrow'), wide(scope.at('second'), normed), 8));
  const gate = point(scope.at('gate'), stem, 8);
  return { stem, first, same: first, y: F.mul(layerNorm(scope.at('last'), second), gate) };
});

const mapsOf = (graph: Graph, outside: ReadonlySet<number> = new Set()) =>
  [...wideMapsOf(graph, outside).values()].map(({ chain, ends, parts }) => ({
    path: chain[0].path,
    parts,
    ends: ends.map(({ node, sum }) => (sum ? `${node.path} to a sum` : node.path)),
  }));

describe('wide maps in parts', () => {
  it('are the channel mixers of the first two stages of MogaNet-XT', () => {
    const graph = recordPart({
      name: 'xt',
      inputs: { image: map(3) },
      forward: (scope, { image }) =>
        Object.fromEntries(
          moganet({ type: 'moganet', arch: 'xt' })
            .forward(scope, image)
            .map((x, i) => [`stage${i}`, x]),
        ),
    });
    const found = mapsOf(programOf('xt', graph, seeded(graph), passes).graph);
    expect(found.map(({ path, parts }) => [path, parts])).to.deep.equal([
      ['blocks1.0.mlp.fc1', 8],
      ['blocks1.1.mlp.fc1', 8],
      ['blocks1.2.mlp.fc1', 8],
      ['blocks2.0.mlp.fc1', 4],
      ['blocks2.1.mlp.fc1', 4],
      ['blocks2.2.mlp.fc1', 4],
    ]);
    expect(found[0]?.ends).to.deep.equal(['blocks1.0.mlp.decompose', 'blocks1.0.mlp.fc2 to a sum']);
  });

  it('are left whole if they are not wide, read in between, without a window, grouped, or of one of two inputs', () => {
    const of = (forward: (scope: Scope, x: Value) => Named) => mapsOf(record(forward));
    const end = (scope: Scope, y: Value) => ({ y: point(scope.at('end'), y, 8) });
    expect(of((s, x) => end(s, wide(s, strided(s, x))))).to.deep.equal([{ path: 'widen', parts: 4, ends: ['end'] }]);
    const whole: Readonly<Record<string, (scope: Scope, x: Value) => Named>> = {
      narrow: (s, x) => end(s, depthwise(s.at('depthwise'), point(s.at('widen'), strided(s, x), 96))),
      between: (s, x) => {
        const y = point(s.at('widen'), strided(s, x), 128);
        return { ...end(s, depthwise(s.at('depthwise'), y)), y2: F.relu(y) };
      },
      output: (s, x) => {
        const y = wide(s, strided(s, x));
        return { ...end(s, y), z: y };
      },
      window: (s, x) => end(s, F.gelu(point(s.at('widen'), strided(s, x), 128))),
      grouped: (s, x) => ({
        y: conv2d(s.at('end'), wide(s, strided(s, x)), 8, { kernel: 1, groups: 2 }),
      }),
      halved: (s, x) => {
        const y = conv2d(s.at('pairs'), point(s.at('widen'), strided(s, x), 128), 64, { kernel: 3, groups: 64 });
        return end(s, y);
      },
    };
    for (const [name, forward] of Object.entries(whole)) expect(of(forward), name).to.deep.equal([]);
    const two = recordPart({
      name: 'two',
      inputs: { x: map(3), z: map(3) },
      forward: (s, { x, z }) => ({ y: point(s.at('end'), wide(s, F.add(x, z)), 8) }),
    });
    expect(mapsOf(two)).to.deep.equal([]);
  });

  it('are left whole in the part of a graph that a run may leave out', () => {
    const { graph } = programOf('mixers', mixers, seeded(mixers), passes);
    expect(mapsOf(graph).map(({ path }) => path)).to.deep.equal(['first.widen', 'second.widen']);
    const { id } = graph.nodes.find(({ path }) => path === 'narrow') ?? { id: -1 };
    expect(mapsOf(graph, new Set([id])).map(({ path }) => path)).to.deep.equal(['first.widen']);
  });

  for (const [name, order] of [
    ['as recorded', []],
    ['after the passes', passes],
  ] as const) {
    it(`give what whole maps give, and small inputs keep whole maps: ${name}`, async function () {
      const { ort } = await loadOnnxRuntime();
      if (!ort) return this.skip();
      const program = programOf('mixers', mixers, seeded(mixers), order);
      const runs = [false, true].map(async (blocked) => {
        const emitted = emitOnnx(program, { blocked });
        const { model, externalData } = onnxInParts(emitted);
        const options = { externalData, intraOpNumThreads: 1, logSeverityLevel: 4 } as const;
        const session = await ort.InferenceSession.create(model, options);
        return async (height: number, width: number) => {
          const { data, shape } = seededInput('x', [1, 3, height, width]);
          const feeds = { x: new ort.Tensor('float32', data, shape) };
          const results = await session.run(feeds, Object.values(emitted.outputs));
          const values = Object.values(emitted.outputs).map(async (output) => results[output]?.getData());
          return (await Promise.all(values)) as Float32Array[];
        };
      });
      const [whole, parts] = await Promise.all(runs);
      if (!whole || !parts) throw new Error('both forms are loaded');

      expect(await parts(40, 32)).to.deep.equal(await whole(40, 32));
      const [height, width] = [363, 362]; // no multiple of the stride
      expect(height * width).to.be.above(largeInput);
      const [expected, found] = [await whole(height, width), await parts(height, width)];
      expect(found).to.have.length(4);
      expect(found).to.not.deep.equal(expected); // sums in another order round otherwise
      for (const [output, values] of found.entries()) {
        let [peak, off] = [0, 0];
        expect(values.length).to.equal(expected[output]?.length);
        values.forEach((value, i) => {
          const other = expected[output]?.[i] ?? Number.NaN;
          peak = Math.max(peak, Math.abs(other));
          off = Math.max(off, Math.abs(value - other));
        });
        expect(off).to.be.below(1e-5 * peak);
      }
    });
  }
});
