import { expect } from 'chai';
import type { NDArray, Size } from '../../src/arrays.ts';
import { backbones } from '../../src/backbones/index.ts';
import { createModel } from '../../src/models/create.ts';
import { parametersOf, passes, programOf, type Runner, recordPart, shapesOf } from '../../src/nn/index.ts';
import { engines, useEngine } from '../harness/engines.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';
import { smallBackbones } from '../harness/small_heads.ts';

/** What holds for every backbone, on every engine: heads rely on it. */

const even: Size = { height: 64, width: 96 };
const odd: Size = { height: 75, width: 93 };

describe('the table of backbones', () => {
  it('has a small form each for the contract suite', () => {
    expect(Object.keys(smallBackbones)).to.include.members(Object.keys(backbones));
  });
});

const table = Object.keys(backbones).flatMap((name) => {
  const config = smallBackbones[name];
  return config ? [[name, config] as const] : [];
});

for (const [name, config] of table) {
  describe(`the backbone ${name}`, () => {
    const { parts, stages } = createModel({ backbone: config });
    const graph = recordPart(parts.features!);
    const shapesAt = (size: Size, batch = 1) => {
      const shapes = shapesOf(graph, { image: { batch, ...size } });
      return stages.map((_, i) => shapes[graph.outputs[`stage${i}`]!]!);
    };

    it('is recorded into plain data, which knows no size', () => {
      expect(JSON.parse(JSON.stringify(graph))).to.deep.equal(graph);
      const again = recordPart(createModel({ backbone: config }).parts.features!);
      expect(again).to.deep.equal(graph);
    });

    it('names every key once', () => {
      const keys = parametersOf(graph).map(({ key }) => key);
      expect(keys).to.not.have.length(0);
      expect(new Set(keys).size).to.equal(keys.length);
    });

    it('gives four stages, each of half the resolution of the one before, as it says', () => {
      expect(stages).to.have.length(4);
      expect(stages.map(({ stride }) => stride)).to.deep.equal([4, 8, 16, 32]);
      for (const [i, { channels, height, width }] of shapesAt(even).entries()) {
        const { channels: said, stride } = stages[i]!;
        expect({ channels, height, width }).to.deep.equal({
          channels: said,
          height: even.height / stride,
          width: even.width / stride,
        });
      }
    });

    it('takes odd sizes, where each stage rounds down or up', () => {
      let [height, width]: [number, number] = [odd.height, odd.width];
      for (const [i, shape] of shapesAt(odd, 2).entries()) {
        const step = i === 0 ? 4 : 2;
        expect(shape.batch).to.equal(2);
        expect(shape.height).to.be.within(Math.floor(height / step), Math.ceil(height / step));
        expect(shape.width).to.be.within(Math.floor(width / step), Math.ceil(width / step));
        ({ height, width } = shape);
      }
    });

    it('has below `backbone.` in a dense model the keys that it has alone', () => {
      const segmentor = { classes: ['a'], head: { type: 'fcn_head' as const, channels: 1, level: 0 }, input: {} };
      const dense = parametersOf(
        recordPart(createModel({ backbone: config, segmentation: segmentor }).parts.features!),
      );
      const below = dense.flatMap(({ key }) => (key.startsWith('backbone.') ? [key.slice('backbone.'.length)] : []));
      expect(below).to.deep.equal(parametersOf(graph).map(({ key }) => key));
    });

    const backbone = backbones[name as keyof typeof backbones](config as never); // the table pairs them
    if ('classify' in backbone) {
      it('classifies', () => {
        const { features } = createModel({ backbone: config, classification: { classes: 7 } }).parts;
        const recorded = recordPart(features!);
        const shape = shapesOf(recorded, { image: { batch: 2, ...even } })[recorded.outputs.logits!];
        expect(shape).to.deep.equal({ batch: 2, channels: 7, height: 1, width: 1 });
      });
    }
  });
}

const reference = new Map<string, readonly NDArray[]>();

for (const [engineName, start] of Object.entries(engines)) {
  describe(`backbones on the engine ${engineName}`, () => {
    const here = useEngine(start);

    for (const [name, config] of table) {
      describe(name, () => {
        const { parts, stages } = createModel({ backbone: config });
        const graph = recordPart(parts.features!);
        let runner: Runner;
        before(async () => {
          const weights = new Map(
            parametersOf(graph).map(({ key, shape }) => [key, seededWeight(key, shape)] as const),
          );
          runner = await here.engine.load(programOf(name, graph, weights, passes));
        });
        after(() => runner?.dispose());

        const pyramidOf = async (batch: number, { height, width }: Size): Promise<NDArray[]> => {
          const outputs = await runner.run({ image: seededInput('image', [batch, 3, height, width]) });
          const read = await Promise.all(stages.map((_, i) => outputs[`stage${i}`]!.read()));
          for (const resident of Object.values(outputs)) resident.dispose();
          return read;
        };

        for (const size of [even, odd]) {
          it(`computes what the other engines compute, at ${size.height}×${size.width}`, async () => {
            const found = await pyramidOf(1, size);
            const key = `${name} ${size.height}`;
            const known = reference.get(key);
            if (!known) reference.set(key, found);
            else expectEqual(found, known);
          });
        }

        it('computes of an image in a batch what it computes of it alone', async () => {
          const two = await pyramidOf(2, odd);
          const first = two.map(({ shape, data }) => ({
            shape: [1, ...shape.slice(1)],
            data: data.subarray(0, data.length / 2),
          }));
          expectEqual(first, await pyramidOf(1, odd));
        });
      });
    }
  });
}

/** Float32 sums in another order, through some fifty layers. */
const relativeTolerance = 1e-4;

function expectEqual(actual: readonly NDArray[], expected: readonly NDArray[]): void {
  for (const [i, { shape, data }] of expected.entries()) {
    expect(actual[i]!.shape, `stage ${i}`).to.deep.equal(shape);
    const peak = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const error = data.reduce((max, value, k) => Math.max(max, Math.abs(value - actual[i]!.data[k]!)), 0);
    expect(peak, `stage ${i}`).to.be.greaterThan(0);
    expect(error, `stage ${i}`).to.be.at.most(relativeTolerance * peak);
  }
}
