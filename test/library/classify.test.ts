import { expect } from 'chai';
import { ConfigError, loadModel, type Model, type Raster } from 'moganet';
import { prepareClassification } from '../../src/image/preprocess.ts';
import { createModel } from '../../src/models/create.ts';
import { loadPart } from '../../src/nn/index.ts';
import { drawClassification } from '../../src/render/index.ts';
import { engines } from '../harness/engines.ts';
import { smallClassifier, smallFile, smallWeights } from '../harness/small_model.ts';

const names = ['cat', 'dog', 'bird', 'fish', 'snail', 'bee', 'worm'];

function photo(seed: number, width: number, height: number): Raster {
  const data = Uint8ClampedArray.from({ length: 4 * width * height }, (_, i) => (i % 4 === 3 ? 255 : (i * seed) >> 3));
  return { width, height, data };
}
const photos = [photo(7, 60, 40), photo(31, 40, 90), photo(53, 32, 32)];

/** The softmax of the plain graph's logits, on the engine that computes in plain JavaScript. */
async function reference(image: Raster): Promise<number[]> {
  const { config, parts } = createModel(smallClassifier);
  const engine = await engines.cpu!();
  if (typeof engine === 'string') throw new Error(engine);
  const runner = await loadPart(engine, parts.features!, smallWeights(smallClassifier), []);
  const input = prepareClassification(image, { ...config.image, ...config.classification!.input });
  const outputs = await runner.run({ image: input });
  const { data } = await outputs.logits!.read();
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
      model = await loadModel({ weights: await smallFile(smallClassifier) }, { engine: started });
    });
    after(() => model?.dispose());

    it('gives the likeliest classes of a picture, best first', async () => {
      for (const image of photos) {
        const expected = await reference(image);
        const { classification } = await model.predict(image, { top: 7 });
        const { labels, scores } = classification!;
        expect([...labels].sort()).to.deep.equal([0, 1, 2, 3, 4, 5, 6]);
        labels.forEach((label, i) => {
          expect(scores[i]).to.be.closeTo(expected[label]!, 1e-5); // float32 networks, folded
          if (i > 0) expect(scores[i - 1]).to.be.at.least(scores[i]!);
        });
        expect(classification!.names).to.deep.equal(names);
      }
    });

    it('gives five where no number is given, and says its classes', async () => {
      const { classification } = await model.predict(photos[0]!);
      expect(classification!.labels).to.have.length(5);
      expect(model.classes).to.deep.equal({ classification: names });
    });

    it('sees pictures of all sizes in one batch as it sees each alone', async () => {
      const together = await model.predictBatch(photos, { top: 7 });
      for (const [i, image] of photos.entries()) {
        const alone = (await model.predict(image, { top: 7 })).classification!;
        expect([...together[i]!.classification!.labels]).to.deep.equal([...alone.labels]);
        together[i]!.classification!.scores.forEach((score, k) => {
          expect(score).to.be.closeTo(alone.scores[k]!, 1e-6); // sums of a batch may run in another order
        });
      }
    });

    it('takes another size of its crop, if it is a square', async () => {
      const small = await model.predict(photos[0]!, { size: { height: 32, width: 32 } });
      const usual = await model.predict(photos[0]!);
      expect([...small.classification!.scores]).to.deep.equal([...usual.classification!.scores]);
      const large = await model.predict(photos[0]!, { size: { height: 64, width: 64 } });
      expect([...large.classification!.scores]).not.to.deep.equal([...usual.classification!.scores]);
      const oblong = await model.predict(photos[0]!, { size: { height: 32, width: 64 } }).catch((error) => error);
      expect(oblong).to.be.instanceOf(ConfigError);
      expect(oblong.message).to.match(/square.*32×64.*`size`/);
    });

    it('puts them into JSON and onto the picture', async () => {
      const result = await model.predict(photos[1]!, { top: 2 });
      const { labels, scores } = result.classification!;
      const { schema: _, moganet: __, model: from, engine: ___, ...json } = JSON.parse(JSON.stringify(result));
      expect(from.name).to.equal('small_classifier');
      expect(json).to.deep.equal({
        image: { height: 90, width: 40 },
        classification: [0, 1].map((i) => ({ label: labels[i], name: names[labels[i]!], score: scores[i] })),
      });
      expect(result.length).to.equal(0);
      expect([...result.render().data]).to.deep.equal([...drawClassification(photos[1]!, result.classification!).data]);
      expect(() => result.render({ draw: 'segmentation' })).to.throw(RangeError, 'no segmentation to draw');
    });
  });
}
