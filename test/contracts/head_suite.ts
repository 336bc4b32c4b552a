import { expect } from 'chai';
import { itemAt, type Named, type NDArray, type Size } from '../../src/arrays.ts';
import { families } from '../../src/backbones/index.ts';
import { type Geometry, geometryOf } from '../../src/image/geometry.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { createModel, modelParameters, type Tables } from '../../src/models/create.ts';
import { byName, readAll, type TaskOptions } from '../../src/models/task.ts';
import { type DeviceTensor, loadPart, type Runner, shapesOf } from '../../src/nn/index.ts';
import { engines, useEngine } from '../harness/engines.ts';
import { seededInput, seededWeight } from '../harness/seeded.ts';
import { onFeatures, taskOf } from '../harness/tasks.ts';

/** The contract of detectors and of heads of segmentation and poses, on every engine. */

const backbone = families.moganet.small;
const wider = { type: 'moganet' as const, arch: { dims: [16, 8, 40, 16], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] } };

export interface HeadCase {
  readonly name: string;
  /** A small configuration, at most five instances per image. */
  readonly heads: Pick<ModelConfig, 'detection' | 'segmentation' | 'pose'>;
  /** The tables that know the head, if it is not one of the package. */
  readonly tables?: Tables;
  /** Halvings from the image to the first map of the lists in `channels`. By default 2: a stride of 4. */
  readonly halvings?: number;
  /** Exact doublings after these. */
  readonly doublings?: number;
  /** Channels of outputs by name. */
  readonly channels: Named<number>;
}

/**
 * Returns the size of a stage. Strided convolutions of MogaNet pad: every stage has half the edge of the one before,
 * rounded up.
 */
const halved = ({ height, width }: Size, times: number): Size =>
  times === 0 ? { height, width } : halved({ height: Math.ceil(height / 2), width: Math.ceil(width / 2) }, times - 1);

const odd: Size = { height: 45, width: 61 };
const seeded = (batch: number, { height, width }: Size) => seededInput('image', [batch, 3, height, width]);

/** Tests the graphs of heads. */
export function describeHead({ name, heads, tables, halvings = 2, doublings = 0, channels }: HeadCase): void {
  describe(name, () => {
    const definition = createModel({ backbone, ...heads }, tables);
    const features = byName(definition.parts, 'features').graph;

    it('is recorded into plain data', () => {
      expect(JSON.parse(JSON.stringify(features))).to.deep.equal(features);
    });

    it('names every key once, below the modules of its task', () => {
      const keys = modelParameters(definition).map(({ key }) => key);
      expect(new Set(keys).size).to.equal(keys.length);
      const added = keys.filter((key) => !key.startsWith('backbone.'));
      expect(added).to.not.have.length(0);
      const { modules } = itemAt(definition.tasks, 0);
      for (const key of added) expect(modules).to.include(key.split('.')[0]);
    });

    it('takes its channels from the backbone, and has the same keys on another', () => {
      const keys = (config: ModelConfig) => modelParameters(createModel(config, tables)).map(({ key }) => key);
      expect(keys({ backbone: wider, ...heads })).to.deep.equal(keys({ backbone, ...heads }));
    });

    it('gives maps of the stages’ sizes for a batch of an odd size', () => {
      const shapes = shapesOf(features, { image: { batch: 2, ...odd } });
      const maps = Object.entries(features.outputs).map(([output, id]) => [output, itemAt(shapes, id)] as const);
      expect(maps).to.not.have.length(0);
      const listOf = (output: string) => output.replace(/\d+$/, '');
      const lists = new Set(Object.keys(channels).map(listOf));
      for (const [output, { batch, height, width }] of maps) {
        const level = Number(/\d+$/.exec(output)?.[0] ?? 0);
        expect(batch, output).to.equal(2);
        const stage = halved(odd, (lists.has(listOf(output)) ? halvings : 2) + level);
        const times = lists.has(listOf(output)) ? 2 ** doublings : 1;
        const expected = { height: times * stage.height, width: times * stage.width };
        expect({ height, width }, output).to.deep.equal(expected);
      }
    });

    it('has as many channels as its classes need', () => {
      for (const [output, expected] of Object.entries(channels)) {
        expect(itemAt(features.nodes, byName(features.outputs, output)).channels, output).to.equal(expected);
      }
    });
  });
}

/** Tests heads on every engine: each engine computes what the first one computes. */
export function describeHeadsOnEngines(cases: readonly HeadCase[]): void {
  const reference = new Map<string, Named<NDArray>>();

  for (const [engineName, start] of Object.entries(engines)) {
    describe(`heads on the engine ${engineName}`, () => {
      const here = useEngine(start);

      for (const { name, heads, tables } of cases) {
        describe(name, () => {
          const definition = createModel({ backbone, ...heads }, tables);
          const runners: Record<string, Runner> = {};
          const run = (part: string, inputs: Named<NDArray | DeviceTensor>) => byName(runners, part).run(inputs);
          before(async () => {
            const weights = new Map(
              modelParameters(definition).map(({ key, shape }) => [key, seededWeight(key, shape)] as const),
            );
            for (const part of Object.values(definition.parts)) {
              runners[part.name] = await loadPart(here.engine, part, weights);
            }
          });
          after(() => {
            for (const runner of Object.values(runners)) runner.dispose();
          });

          it('computes the same as the other engines', async () => {
            const found = await withFeatures(1, odd, readAll);
            const known = reference.get(name);
            if (!known) reference.set(name, found);
            else expectEqual(found, known);
          });

          it('computes the same for an image in a batch as for the image alone', async () => {
            const two = await withFeatures(2, odd, readAll);
            const first = await withFeatures(1, odd, readAll);
            expectEqual(
              Object.fromEntries(
                Object.entries(two).map(([output, { shape, data }]) => {
                  const size = data.length / 2;
                  return [output, { shape: [1, ...shape.slice(1)], data: data.subarray(0, size) }];
                }),
              ),
              first,
            );
          });

          const [task] = definition.tasks;
          const onMaps = (features: Named<DeviceTensor>, geometries: readonly Geometry[], options: TaskOptions) =>
            taskOf(definition, itemAt(definition.tasks, 0).kind).predict(
              onFeatures(features, geometries, run),
              options,
            );
          if (task?.kind === 'detection') {
            const geometry = geometryOf({ height: 40, width: 50 }, odd, odd);
            it('finds the most instances allowed, within the image, best first, for each image of a batch', async () => {
              const results = await withFeatures(2, odd, (features) =>
                onMaps(features, [geometry, geometry], { score: 0 }),
              );
              expect(results).to.have.length(2);
              for (const { detections } of results) {
                const { boxes, scores, labels, masks } = detections!;
                expect(scores).to.have.length(5);
                expect([...scores].sort((a, b) => b - a)).to.deep.equal([...scores]);
                for (const label of labels) expect(task.dataset?.classes[label]).to.be.a('string');
                for (const [i, value] of boxes.entries()) expect(value).to.be.within(0, i % 2 === 0 ? 50 : 40);
                expect(masks?.length).to.equal(definition.parts.mask ? 5 : undefined);
              }
            });

            it('may find nothing', async () => {
              const [none] = await withFeatures(1, odd, (features) => onMaps(features, [geometry], { score: 1 }));
              const { boxes, scores, labels, masks } = none!.detections!;
              expect([boxes.length, scores.length, labels.length]).to.deep.equal([0, 0, 0]);
              expect(masks).to.deep.equal(definition.parts.mask ? [] : undefined);
            });
          }
          if (task?.kind === 'segmentation') {
            it('gives every pixel of the original a class', async () => {
              const original = { height: 40, width: 50 };
              const [result] = await withFeatures(1, odd, (features) =>
                onMaps(features, [geometryOf(original, odd, odd)], {}),
              );
              const labels = result?.segmentation?.labels ?? [];
              expect(labels).to.have.length(40 * 50);
              for (const label of new Set(labels)) expect(task.dataset?.classes[label]).to.be.a('string');
            });
          }

          async function withFeatures<T>(
            batch: number,
            size: Size,
            use: (features: Named<DeviceTensor>) => Promise<T>,
          ) {
            const features = await run('features', { image: seeded(batch, size) });
            try {
              return await use(features);
            } finally {
              for (const tensor of Object.values(features)) tensor.dispose();
            }
          }
        });
      }
    });
  }
}

/** Sums of float32 in another order, through about thirty layers. */
const relativeTolerance = 1e-4;

function expectEqual(actual: Named<NDArray>, expected: Named<NDArray>): void {
  expect(Object.keys(actual)).to.have.members(Object.keys(expected));
  for (const [output, { shape, data }] of Object.entries(expected)) {
    const found = byName(actual, output);
    expect(found.shape, output).to.deep.equal(shape);
    const peak = data.reduce((max, value) => Math.max(max, Math.abs(value)), 0);
    const error = data.reduce((max, value, i) => Math.max(max, Math.abs(value - (found.data[i] ?? 0))), 0);
    expect(error, output).to.be.at.most(relativeTolerance * peak);
  }
}
