import { expect } from 'chai';
import * as z from 'zod/mini';
import { itemAt, type NDArray, type Size } from '../../src/arrays.ts';
import type { Backbone, Family } from '../../src/backbones/index.ts';
import { renamedKey } from '../../src/loading/layouts.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { createModel } from '../../src/models/create.ts';
import { byName } from '../../src/models/task.ts';
import { type Graph, parametersOf, programOf, type Runner, shapesOf } from '../../src/nn/index.ts';
import { passes } from '../../src/nn/optimise/index.ts';
import { engines, useEngine } from '../harness/engines.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';

/** The contract of every backbone on every engine. Heads rely on it. */

type Heads = Omit<ModelConfig, 'backbone'>;

const even: Size = { height: 64, width: 96 };
const odd: Size = { height: 75, width: 93 };

/** Returns the graph of a family's small form, which `createModel` takes from a table as it takes a custom backbone. */
function graphOf(name: string, { make, small }: Family, heads: Heads = {}): Graph {
  const { parts } = createModel({ backbone: small, ...heads }, { backbones: { [name]: make } });
  return byName(parts, 'features').graph;
}

/** Tests of one family of the table, or of a family that could be in it. */
export function describeBackbone(name: string, family: Family): void {
  const { title, config, make, keyLayouts, small, medium } = family;

  describe(`the backbone ${name}`, () => {
    const graph = graphOf(name, family);
    const backbone: Backbone = make(small);
    const { stages } = backbone;
    const keys = parametersOf(graph).map(({ key }) => key);
    const shapesAt = (size: Size, batch = 1) => {
      const shapes = shapesOf(graph, { image: { batch, ...size } });
      return stages.map((_, i) => itemAt(shapes, byName(graph.outputs, `stage${i}`)));
    };

    it('has a title, and a schema that accepts its configurations only', () => {
      expect(title).to.not.equal('');
      for (const written of [small, medium]) {
        expect(written.type).to.equal(name);
        expect(z.parse(config, written)).to.deep.equal(written);
        expect(z.safeParse(config, { ...written, colour: 'blue' }).success).to.equal(false);
      }
      expect(make(medium).stages).to.have.length(4);
    });

    it('is recorded into plain data, which knows no size', () => {
      expect(JSON.parse(JSON.stringify(graph))).to.deep.equal(graph);
      expect(graphOf(name, family)).to.deep.equal(graph);
    });

    it('names every key once', () => {
      expect(keys).to.not.have.length(0);
      expect(new Set(keys).size).to.equal(keys.length);
    });

    for (const { has, rules, whole } of keyLayouts) {
      it(`knows ${has} in the key layout of another publisher`, () => {
        expect(keys).to.include(renamedKey(has, rules));
        if (whole) expect(has).to.match(whole);
      });
    }

    it('gives four stages as announced, each of half the resolution of the stage before', () => {
      expect(stages).to.have.length(4);
      expect(stages.map(({ stride }) => stride)).to.deep.equal([4, 8, 16, 32]);
      for (const [i, { channels, height, width }] of shapesAt(even).entries()) {
        const { channels: announced, stride } = itemAt(stages, i);
        const expected = { channels: announced, height: even.height / stride, width: even.width / stride };
        expect({ channels, height, width }).to.deep.equal(expected);
      }
    });

    it('takes odd sizes, which each stage rounds down or up', () => {
      let [height, width]: [number, number] = [odd.height, odd.width];
      for (const [i, shape] of shapesAt(odd, 2).entries()) {
        const step = i === 0 ? 4 : 2;
        expect(shape.batch).to.equal(2);
        expect(shape.height).to.be.within(Math.floor(height / step), Math.ceil(height / step));
        expect(shape.width).to.be.within(Math.floor(width / step), Math.ceil(width / step));
        ({ height, width } = shape);
      }
    });

    it('has the same keys in a dense model, with `backbone.` before them', () => {
      const segmentation = { classes: ['a'], head: { type: 'fcn_head' as const, channels: 1, level: 0 }, input: {} };
      const dense = parametersOf(graphOf(name, family, { segmentation }));
      const below = dense.flatMap(({ key }) => (key.startsWith('backbone.') ? [key.slice('backbone.'.length)] : []));
      expect(below).to.deep.equal(keys);
    });

    if ('classify' in backbone) {
      it('classifies', () => {
        const classifier = graphOf(name, family, { classification: { classes: 7 } });
        const shape = shapesOf(classifier, { image: { batch: 2, ...even } })[byName(classifier.outputs, 'logits')];
        expect(shape).to.deep.equal({ batch: 2, channels: 7, height: 1, width: 1 });
      });
    }
  });
}

/** Tests of families on every engine that starts. */
export function describeBackbonesOnEngines(families: Readonly<Record<string, Family>>): void {
  const reference = new Map<string, readonly NDArray[]>();

  for (const [engineName, start] of Object.entries(engines)) {
    describe(`backbones on the engine ${engineName}`, () => {
      const here = useEngine(start);

      for (const [name, family] of Object.entries(families)) {
        describe(name, () => {
          const graph = graphOf(name, family);
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
            const tensors = Object.values(outputs);
            const read = await Promise.all(tensors.map((tensor) => tensor.read()));
            for (const tensor of tensors) tensor.dispose();
            return read;
          };

          for (const size of [even, odd]) {
            it(`computes the same as the other engines, at ${size.height}×${size.width}`, async () => {
              const found = await pyramidOf(1, size);
              const key = `${name} ${size.height}`;
              const known = reference.get(key);
              if (!known) reference.set(key, found);
              else expectEqual(found, known);
            });
          }

          it('computes the same for an image in a batch as for the image alone', async () => {
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
}

/** Sums of float32 in another order, through about fifty layers. */
const relativeTolerance = 1e-4;

function expectEqual(actual: readonly NDArray[], expected: readonly NDArray[]): void {
  expect(actual).to.have.length(expected.length);
  for (const [i, { shape, data }] of expected.entries()) {
    const found = itemAt(actual, i);
    expect(found.shape, `stage ${i}`).to.deep.equal(shape);
    const peak = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const error = data.reduce((max, value, k) => Math.max(max, Math.abs(value - (found.data[k] ?? 0))), 0);
    expect(peak, `stage ${i}`).to.be.greaterThan(0);
    expect(error, `stage ${i}`).to.be.at.most(relativeTolerance * peak);
  }
}
