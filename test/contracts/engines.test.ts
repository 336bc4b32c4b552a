import { expect } from 'chai';
import type { Named, NDArray } from '../../src/arrays.ts';
import { kernels } from '../../src/engines/tfjs/kernels.ts';
import { EngineError, ShapeError } from '../../src/errors.ts';
import {
  conv2d,
  type DeviceTensor,
  type Engine,
  F,
  groupNorm,
  map,
  parametersOf,
  programOf,
  type Runner,
  recordPart,
  regions,
} from '../../src/nn/index.ts';
import { engines, namedOutputs, useEngine } from '../harness/engines.ts';
import { collectGarbage } from '../harness/garbage.ts';
import { operationCases } from '../harness/operation_cases.ts';
import { expectClose, graphOf, resultOf } from '../harness/operations.ts';
import { rejection } from '../harness/rejection.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

describe('the table of operation cases', () => {
  it('has a case for every operation', () => {
    const covered = new Set(operationCases.flatMap((operation) => graphOf(operation).nodes.map(({ op }) => op)));
    expect([...covered]).to.include.members(Object.keys(kernels));
  });
});

/** A 1×1 convolution by 2 plus 1, and a pooled copy of its regions. */
const doubling = recordPart({
  name: 'doubling',
  inputs: { x: map(1), boxes: regions },
  forward: (scope, { x, boxes }) => {
    const y = conv2d(scope.at('conv'), x, 1, { kernel: 1 });
    return {
      y,
      pooled: F.roiAlign(y, boxes, {
        outputSize: { height: 1, width: 1 },
        spatialScale: 1,
        samplingRatio: 1,
        aligned: true,
      }),
    };
  },
});
const doublingWeights = new Map<string, NDArray>([
  ['conv.weight', { shape: [1, 1, 1, 1], data: Float32Array.of(2) }],
  ['conv.bias', { shape: [1], data: Float32Array.of(1) }],
]);
const boxesOf = (...rows: number[][]): NDArray => ({ shape: [rows.length, 5], data: Float32Array.from(rows.flat()) });
const valuesOf = async (tensor: DeviceTensor) => [...(await tensor.read()).data];

const reference = new Map<string, NDArray>();

for (const [name, start] of Object.entries(engines)) {
  describe(`the engine ${name}`, () => {
    const here = useEngine(start);

    for (const operation of operationCases) {
      it(`computes ${operation.name}`, async () => {
        const result = await resultOf(here.engine, operation);
        const others = reference.get(operation.name);
        if (operation.expected) expectClose(result, operation.expected);
        if (others) expectClose(result, others);
        else reference.set(operation.name, result);
      });
    }

    it('normalises a million values in a group within 2e-6 of the peak', async () => {
      const [channels, edge] = [20, 224];
      const part = recordPart({
        name: 'norm',
        inputs: { x: map(channels) },
        forward: (scope, { x }) => ({ y: groupNorm(scope, x, 1) }),
      });
      const constant = (value: number) => ({ shape: [channels], data: new Float32Array(channels).fill(value) });
      const weights = new Map([
        ['weight', constant(1)],
        ['bias', constant(0)],
      ]);
      const runner = await here.engine.load(programOf('norm', part, weights));
      const x = seededInput('x', [1, channels, edge, edge]);
      const { y } = await namedOutputs(runner, { x }, 'y');
      const { data } = await y.read();
      const count = x.data.length;
      const mean = x.data.reduce((sum, value) => sum + value, 0) / count;
      const deviation = Math.sqrt(x.data.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count + 1e-5);
      let [error, peak] = [0, 0];
      for (let i = 0; i < count; i++) {
        const expected = ((x.data[i] ?? 0) - mean) / deviation;
        error = Math.max(error, Math.abs((data[i] ?? Number.NaN) - expected));
        peak = Math.max(peak, Math.abs(expected));
      }
      expect(error / peak).to.be.below(2e-6);
      y.dispose();
      runner.dispose();
    });

    describe('as a runner', () => {
      let runner: Runner;
      const run = (inputs: Named<NDArray | DeviceTensor>) => namedOutputs(runner, inputs, 'y', 'pooled');
      const x: NDArray = { shape: [1, 1, 1, 2], data: Float32Array.of(1, 2) };
      const none = boxesOf();
      before(async () => {
        runner = await here.engine.load(programOf('doubling', doubling, doublingWeights));
      });
      after(() => runner.dispose());

      it('has a name and a detail', () => {
        expect(here.engine.name).to.equal(name);
        expect(here.engine.detail).to.match(/\w/);
      });

      it('serves every size and batch', async () => {
        for (const shape of [
          [1, 1, 1, 2],
          [1, 1, 3, 1],
          [2, 1, 2, 2],
        ]) {
          const value = seededInput('x', shape);
          const [first] = value.data;
          const { y } = await run({ x: value, boxes: none });
          expect(y.shape).to.deep.equal(shape);
          expect((await valuesOf(y))[0]).to.be.closeTo(2 * (first ?? 0) + 1, 1e-6);
        }
      });

      it('serves any number of regions, also zero', async () => {
        const counts = [];
        for (const boxes of [none, boxesOf([0, 0, 0, 1, 1]), boxesOf([0, 1, 0, 2, 1], [0, 0, 0, 1, 1]), none]) {
          const { pooled } = await run({ x, boxes });
          counts.push([pooled.shape, await valuesOf(pooled)]);
        }
        expect(counts).to.deep.equal([
          [[0, 1, 1, 1], []],
          [[1, 1, 1, 1], [3]],
          [
            [2, 1, 1, 1],
            [5, 3],
          ],
          [[0, 1, 1, 1], []],
        ]);
      });

      it('takes a result as an input, which still belongs to the caller', async () => {
        const { y: first } = await run({ x, boxes: none });
        const { y: second } = await run({ x: first, boxes: none });
        expect(await valuesOf(second)).to.deep.equal([7, 11]);
        expect(await valuesOf(first)).to.deep.equal([3, 5]);
      });

      it('takes a result of another engine', async () => {
        const foreign: DeviceTensor = { shape: x.shape, read: async () => x, dispose: () => {} };
        const { y } = await run({ x: foreign, boxes: none });
        expect(await valuesOf(y)).to.deep.equal([3, 5]);
      });

      it('takes regions of another engine, which may have the four axes of a map', async () => {
        const data = Float32Array.of(0, 1, 0, 2, 1);
        const shape = [1, 5, 1, 1];
        const foreign: DeviceTensor = { shape, read: async () => ({ shape, data }), dispose: () => {} };
        const { pooled } = await run({ x, boxes: foreign });
        expect(await valuesOf(pooled)).to.deep.equal([5]);
      });

      it('gives the same values twice', async () => {
        const [a, b] = [await run({ x, boxes: none }), await run({ x, boxes: none })];
        expect(await valuesOf(a.y)).to.deep.equal(await valuesOf(b.y));
        expect(await valuesOf(a.y)).to.deep.equal(await valuesOf(a.y));
      });

      it('gives results that are disposed one by one', async () => {
        const graph = recordPart({
          name: 'twice',
          inputs: { x: map(1) },
          forward: (_, { x: value }) => {
            const y = F.relu(value);
            return { same: value, y, again: y };
          },
        });
        const twice = await here.engine.load(programOf('twice', graph, new Map()));
        const { same, y, again } = await namedOutputs(twice, { x }, 'same', 'y', 'again');
        y.dispose();
        twice.dispose();
        expect(await valuesOf(again)).to.deep.equal([1, 2]);
        expect(await valuesOf(same)).to.deep.equal([1, 2]);
      });

      it('names an input that is missing or of another size', async () => {
        expect((await rejection(run({ x }))).message).to.match(/^doubling: .*"boxes" is missing, got x\b/);
        const wide = await rejection(run({ x: { ...x, shape: [1, 2, 1, 1] }, boxes: none }));
        expect(wide).to.be.instanceOf(ShapeError);
        expect(wide.message).to.match(/^doubling: .*"x" is N×1×H×W, got 1×2×1×1/);
        expect((await rejection(run({ x, boxes: x }))).message).to.match(/"boxes" is n×5, got 1×1×1×2/);
        for (const shape of [
          [0, 1, 1, 2],
          [1, 1, 0, 2],
          [1, 1, 1.5, 2],
          [1, 1, Number.NaN, 2],
        ]) {
          const failure = await rejection(run({ x: { ...x, shape }, boxes: none }));
          expect(failure).to.be.instanceOf(ShapeError);
          expect(failure.message).to.match(/^doubling: .*"x" is N×1×H×W, got/);
        }
      });

      it('names an input whose data has another length or type', async () => {
        const short = await rejection(run({ x: { ...x, data: Float32Array.of(1) }, boxes: none }));
        expect(short).to.be.instanceOf(ShapeError);
        expect(short.message).to.match(/^doubling: .*"x" is 1×1×1×2, 2 values, but its data has 1/);
        const doubles = { ...x, data: Float64Array.of(1, 2) as unknown as Float32Array };
        const other = await rejection(run({ x: doubles, boxes: none }));
        expect(other).to.be.instanceOf(ShapeError);
        expect(other.message).to.match(/^doubling: .*"x" has no Float32Array/);
      });

      it('names an input that is no array at all', async () => {
        const read = async () => ({ shape: [1, 1, 2, 2], data: new Float32Array(4) });
        const tensor = { shape: [1, 1, 1, 2], dispose: () => {} };
        for (const value of [
          'x',
          3,
          () => x,
          {},
          { data: x.data },
          { ...x, shape: '1x1' },
          { ...tensor, read: 5 },
          { ...tensor, read },
          { ...tensor, read: async () => undefined },
          { ...tensor, read: async () => ({ ...x, data: Float64Array.of(1, 2) }) },
        ]) {
          const failure = await rejection(run({ x: value as never, boxes: none }));
          expect(failure, failure.message).to.be.instanceOf(ShapeError);
          expect(failure.message).to.match(/^doubling: the input "x"/);
        }
      });

      it('takes the caller’s arrays at the call', async () => {
        const mine: NDArray = { shape: [1, 1, 1, 2], data: Float32Array.of(1, 2) };
        const boxes = boxesOf([0, 1, 0, 2, 1]);
        const earlier = run({ x, boxes: none });
        const call = run({ x: mine, boxes });
        mine.data.fill(0);
        boxes.data.fill(0);
        (mine.shape as number[]).length = 0;
        (boxes.shape as number[])[0] = 7;
        await earlier;
        const { y, pooled } = await call;
        expect([await valuesOf(y), await valuesOf(pooled)]).to.deep.equal([[3, 5], [5]]);
      });

      it('returns only the outputs that are wanted', async () => {
        const inputs = { x, boxes: boxesOf([0, 1, 0, 2, 1]) };
        const { y, ...others } = await runner.run(inputs, ['y', 'y']);
        expect(Object.keys(others)).to.deep.equal([]);
        expect(y && (await valuesOf(y))).to.deep.equal([3, 5]);
        const { pooled } = await runner.run(inputs, ['pooled']);
        expect(pooled && (await valuesOf(pooled))).to.deep.equal([5]);
      });

      it('names an output that does not exist, and refuses to compute nothing', async () => {
        const unknown = await rejection(runner.run({ x, boxes: none }, ['y', 'poled']));
        expect(unknown).to.be.instanceOf(ShapeError);
        expect(unknown.message).to.match(/^doubling: unknown output "poled".*"pooled"/);
        expect((await rejection(runner.run({ x, boxes: none }, []))).message).to.match(
          /no output is wanted.*y, pooled/,
        );
      });

      it('refuses a size that is too small, with the module’s path', async () => {
        const graph = recordPart({
          name: 'shrinking',
          inputs: { x: map(1) },
          forward: (scope, { x: value }) => ({
            y: conv2d(scope.at('stem.conv'), value, 1, { kernel: 7, padding: 0 }),
          }),
        });
        const weights = new Map(parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)]));
        const shrinking = await here.engine.load(programOf('shrinking', graph, weights));
        expect((await rejection(shrinking.run({ x }))).message).to.match(
          /^stem\.conv: conv2d of 1×1×2 leaves -5×-4\. Use a larger image/,
        );
      });

      it('refuses to be used after it was disposed', async () => {
        const short = await here.engine.load(programOf('short', doubling, doublingWeights));
        const { y } = await namedOutputs(short, { x, boxes: none }, 'y');
        short.dispose();
        short.dispose();
        expect(await valuesOf(y)).to.deep.equal([3, 5]);
        const afterwards = await rejection(short.run({ x, boxes: none }));
        expect(afterwards).to.be.instanceOf(EngineError);
        expect(afterwards.message).to.match(/^short: .*disposed.*load the program again/);
        y.dispose();
        y.dispose();
        const read = await rejection(y.read());
        expect(read).to.be.instanceOf(EngineError);
        expect(read.message).to.match(/^short: y was disposed/);
      });
    });

    it('refuses to load after it was disposed', async () => {
      const second = (await start()) as Engine;
      const runner = await second.load(programOf('doubling', doubling, doublingWeights));
      await second.dispose();
      expect((await rejection(runner.run({ x: seededInput('x', [1, 1, 1, 1]), boxes: boxesOf() }))).message).to.match(
        /disposed/,
      );
      const failure = await rejection(second.load(programOf('doubling', doubling, doublingWeights)));
      expect(failure).to.be.instanceOf(EngineError);
      expect(failure.message).to.match(/engine was disposed.*create another/);
    });

    it('does not keep the weights on the host once it has loaded', async () => {
      const load = async (): Promise<[WeakRef<Float32Array>, Runner]> => {
        const data = new Float32Array(1e6);
        const graph = recordPart({
          name: 'wide',
          inputs: { x: map(1000) },
          forward: (scope, { x }) => ({ y: conv2d(scope, x, 1000, { kernel: 1, bias: false }) }),
        });
        const weights = new Map([['weight', { shape: [1000, 1000, 1, 1], data }]]);
        return [new WeakRef(data), await here.engine.load(programOf('wide', graph, weights))];
      };
      const [data, runner] = await load();
      await collectGarbage();
      expect(data.deref()).to.equal(undefined);
      const { y } = await namedOutputs(runner, { x: seededInput('x', [1, 1000, 1, 1]) }, 'y');
      y.dispose();
      runner.dispose();
    });

    it('waits at a second disposal for the first', async () => {
      const second = (await start()) as Engine;
      const runner = await second.load(programOf('doubling', doubling, doublingWeights));
      const last = runner.run({ x: seededInput('x', [1, 1, 64, 64]), boxes: boxesOf() });
      const first = second.dispose();
      expect(second.dispose()).to.equal(first);
      await Promise.all([first, last.catch(() => {})]);
    });

    it('refuses a program that was loading when it was disposed', async () => {
      const second = (await start()) as Engine;
      const loading = rejection(second.load(programOf('doubling', doubling, doublingWeights)));
      await second.dispose();
      expect((await loading).message).to.match(/engine was disposed.*create another/);
    });
  });
}
