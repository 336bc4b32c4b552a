import { expect } from 'chai';
import { ConfigError, type Engine, loadModel, type Model } from 'moganet';
import { openNodeEngine } from '../../src/engines/node.ts';
import { equalBatches } from '../../src/library/batches.ts';
import { changedEngine } from '../harness/changed_engine.ts';
import { rejection } from '../harness/rejection.ts';
import { imageOf, numbersOf, smallBoth, smallClassification, smallFile } from '../harness/small_model.ts';

/** Batches of images whose inputs have one size, through the library's entry. */

/** Inputs are 64×64, 32×64 and 64×64 again: the last image is twice as large as the first. */
const images = [imageOf(50, 50), imageOf(60, 30, 1), imageOf(64, 64, 2), imageOf(100, 100, 3), imageOf(30, 15, 4)];

for (const engine of ['cpu', 'onnxruntime'] as const) {
  describe(`a batch on ${engine}`, () => {
    for (const [name, config] of Object.entries({ detection: smallBoth, classification: smallClassification })) {
      it(`gives each image the numbers that it has alone: ${name}`, async () => {
        const model = await loadModel({ config, weights: await smallFile(config) }, { engine });
        const alone = [];
        for (const image of images) alone.push(numbersOf(await model.predict(image)));
        expect((await model.predictBatch(images)).map(numbersOf)).to.deep.equal(alone);
        const two = [images[2]!, images[0]!];
        expect((await model.predictBatch(two)).map(numbersOf)).to.deep.equal([alone[2], alone[0]]);
        await model.dispose();
      });
    }
  });
}

describe('a batch', () => {
  let model: Model;
  const shapes: string[] = [];
  before(async () => {
    const engine = await openNodeEngine('cpu');
    const load: Engine['load'] = async (program) => {
      const runner = await engine.load(program);
      const run: typeof runner.run = (inputs, wanted) => {
        if (program.name === 'features') shapes.push(inputs.image?.shape.join('×') ?? '');
        return runner.run(inputs, wanted);
      };
      return { run, dispose: () => runner.dispose() };
    };
    const weights = await smallFile(smallBoth);
    model = await loadModel({ weights }, { engine: changedEngine(engine, { load }) });
  });
  beforeEach(() => shapes.splice(0));
  after(() => model.dispose());

  it('has the images whose inputs have one size, in the order of their first', async () => {
    await model.predictBatch(images, { only: 'segmentation' });
    expect(shapes).to.deep.equal(['3×3×64×64', '2×3×32×64']);
  });

  it('has all of them if they are padded together', async () => {
    const results = await model.predictBatch(images, { padTogether: true });
    expect(shapes).to.deep.equal(['5×3×64×64']);
    expect(results.map(({ imageSize }) => imageSize.width)).to.deep.equal([50, 60, 64, 100, 30]);
    expect(numbersOf(results[0]!)).to.deep.equal(numbersOf(await model.predict(images[0]!)));
  });

  it('has an image alone if there are several views of it, and in tiles', async () => {
    const options = { flip: true, only: 'segmentation' as const };
    const alone = await model.predict(images, options);
    shapes.splice(0);
    expect((await model.predictBatch(images, options)).map(numbersOf)).to.deep.equal(alone.map(numbersOf));
    expect(shapes).to.have.length(10);
    const error = await rejection(model.predictBatch(images, { flip: true, padTogether: true }));
    expect(error).to.be.instanceOf(ConfigError);
    expect(error.message).to.include('`padTogether` takes one view');
  });

  it('checks its option, which predict does not have', async () => {
    const { message } = await rejection(model.predictBatch(images, { padTogether: 1 } as never));
    expect(message).to.include('padTogether: must be true or false');
    expect((await rejection(model.predict(images, { padTogether: true } as never))).message).to.include('padTogether');
  });
});

describe('equal batches', () => {
  it('keep planes and geometries side by side', async () => {
    const values = [1, 2, 3];
    const rasters = values.map((value) => imageOf(value === 2 ? 2 : 1, 1));
    const batches = await equalBatches(rasters, async (image) => {
      const value = values[rasters.indexOf(image)]!;
      return {
        image: { shape: [1, 1, 1, image.width], data: new Float32Array(image.width).fill(value) },
        geometries: [],
      };
    });
    expect(batches.map(({ slots, inputs }) => [slots, inputs.image.shape, [...inputs.image.data]])).to.deep.equal([
      [
        [0, 2],
        [2, 1, 1, 1],
        [1, 3],
      ],
      [[1], [1, 1, 1, 2], [2, 2]],
    ]);
  });
});
