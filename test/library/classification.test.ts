import { expect } from 'chai';
import { ConfigError, loadModel, type Model, type Raster, type Size } from 'moganet';
import { itemAt } from '../../src/arrays.ts';
import { createModel } from '../../src/models/create.ts';
import { byName } from '../../src/models/task.ts';
import { loadPart } from '../../src/nn/index.ts';
import { drawClassification } from '../../src/render/index.ts';
import { prepareClassification } from '../harness/at_once.ts';
import { engines } from '../harness/engines.ts';
import { smallClassification, smallFile, smallWeights } from '../harness/small_model.ts';

const names = ['cat', 'dog', 'bird', 'fish', 'snail', 'bee', 'worm'];

function imageOf(seed: number, width: number, height: number): Raster {
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : (i * seed) >> 3));
  return { width, height, data };
}
const images = [imageOf(7, 60, 40), imageOf(31, 40, 90), imageOf(53, 32, 32)] as const;
const [wide, tall] = images;

/** The softmax of the plain graph's logits, on the engine that computes in plain JavaScript. */
async function reference(image: Raster): Promise<number[]> {
  const { config, parts } = createModel(smallClassification);
  const engine = await engines.cpu!();
  if (typeof engine === 'string') throw new Error(engine);
  const runner = await loadPart(engine, byName(parts, 'features'), smallWeights(smallClassification), []);
  const input = prepareClassification(image, { ...config.image, ...config.classification!.input });
  const outputs = await runner.run({ image: input });
  const { data } = await byName(outputs, 'logits').read();
  runner.dispose();
  await engine.dispose();
  const powers = Array.from(data, Math.exp);
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

for (const engine of ['cpu', 'onnxruntime']) {
  describe(`a classifier on ${engine}`, () => {
    let model: Model;

    before(async function () {
      const started = await engines[engine]!();
      if (typeof started === 'string') {
        console.log(`      skipped: ${started}`);
        return this.skip();
      }
      model = await loadModel({ weights: await smallFile(smallClassification) }, { engine: started });
    });
    after(() => model?.dispose());

    it('gives the likeliest classes of an image, best first', async () => {
      for (const image of images) {
        const expected = await reference(image);
        const { classification } = await model.predict(image, { top: 7 });
        const { labels, scores, classes: known } = classification!;
        expect([...labels].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6]);
        const ordered = Array.from(labels, (label) => itemAt(expected, label));
        for (const [i, score] of scores.entries()) expect(score).to.be.closeTo(itemAt(ordered, i), 1e-5); // float32, folded
        expect([...scores]).to.deep.equal([...scores].sort((a, b) => b - a));
        expect(known).to.deep.equal(names);
      }
    });

    it('gives five by default, and knows its classes', async () => {
      const { classification } = await model.predict(wide);
      expect(classification?.labels).to.have.length(5);
      expect(model.classes).to.deep.equal({ classification: names });
    });

    it('gives images of all sizes the same scores in a batch as alone', async () => {
      const together = await model.predictBatch(images, { top: 7 });
      for (const [i, image] of images.entries()) {
        const alone = (await model.predict(image, { top: 7 })).classification!;
        const { labels, scores } = itemAt(together, i).classification!;
        expect([...labels]).to.deep.equal([...alone.labels]);
        for (const [k, score] of scores.entries()) {
          expect(score).to.be.closeTo(itemAt([...alone.scores], k), 1e-6); // sums of a batch may run in another order
        }
      }
    });

    it('takes another size of its crop, if it is a square', async () => {
      const scoresAt = async (size?: Size) => [...(await model.predict(wide, { size })).classification!.scores];
      const usual = await scoresAt();
      expect(await scoresAt({ height: 32, width: 32 })).to.deep.equal(usual);
      expect(await scoresAt({ height: 64, width: 64 })).not.to.deep.equal(usual);
      const oblong = await model.predict(wide, { size: { height: 32, width: 64 } }).catch((error) => error);
      expect(oblong).to.be.instanceOf(ConfigError);
      expect(oblong.message).to.match(/square.*32×64.*`size`/);
    });

    it('puts them into JSON and onto the image', async () => {
      const result = await model.predict(tall, { top: 2 });
      const { labels, scores } = result.classification!;
      const { schema: _, moganet: __, model: from, engine: ___, ...json } = JSON.parse(JSON.stringify(result));
      expect(from.name).to.equal('small_classification');
      expect(json).to.deep.equal({
        image: { height: 90, width: 40 },
        classification: Array.from(labels, (label, i) => ({ label, name: names[label], score: scores[i] })),
      });
      expect(result.length).to.equal(0);
      expect([...result.render().data]).to.deep.equal([...drawClassification(tall, result.classification!).data]);
      expect(() => result.render({ draw: 'segmentation' })).to.throw(RangeError, 'this result has no segmentation');
    });
  });
}
