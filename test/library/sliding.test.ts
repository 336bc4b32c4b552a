import { expect } from 'chai';
import { loadModel, type ModelConfig, type Raster } from 'moganet';
import { writeSafetensors } from '../../src/formats/index.ts';
import { smallDetector, smallSegmentor, smallWeights } from '../harness/small_model.ts';

/** A segmentor on windows, and weights in another publisher's layout below `backbone.`, through the library's entry. */

const picture: Raster = {
  width: 90,
  height: 60,
  data: Uint8ClampedArray.from({ length: 4 * 90 * 60 }, (_, i) => (i % 4 === 3 ? 255 : (i * 7 + (i >> 9) * 31) % 256)),
};

const square = (extent: number) => ({ height: extent, width: extent });
const whole: ModelConfig = {
  ...smallSegmentor,
  backbone: { type: 'convnext', arch: { dims: [8, 8, 16, 16], depths: [1, 1, 1, 1] } },
};
const sliding = (crop: number, stride: number): ModelConfig => ({
  ...whole,
  segmentation: { ...whole.segmentation!, slide: { crop: square(crop), stride: square(stride) } },
});

/** Weights under mmpretrain's names. */
const renamed = (config: ModelConfig) =>
  writeSafetensors(
    new Map(
      [...smallWeights(config)].map(([key, value]) => [
        key.replace('.dwconv.', '.depthwise_conv.').replace('.pwconv', '.pointwise_conv'),
        value,
      ]),
    ),
    {},
  ).bytes();

async function labelsOf(config: ModelConfig, weights: Uint8Array): Promise<number[]> {
  const model = await loadModel({ config, weights }, { engine: 'cpu' });
  try {
    const { segmentation } = await model.predict(picture);
    return [...segmentation!.labels];
  } finally {
    await model.dispose();
  }
}

describe('a segmentor that slides', () => {
  let weights: Uint8Array;
  let atOnce: number[];
  before(async () => {
    weights = await renamed(whole);
    atOnce = await labelsOf(whole, weights);
  });

  it('gives what the whole gives where one window covers the input', async () => {
    expect(new Set(atOnce).size).to.be.greaterThan(1);
    expect(await labelsOf(sliding(128, 64), weights)).to.deep.equal(atOnce);
  });

  it('looks at windows: other labels, of the same size', async () => {
    const inWindows = await labelsOf(sliding(32, 24), weights);
    expect(inWindows).to.have.length(atOnce.length);
    expect(inWindows).to.not.deep.equal(atOnce);
  });

  it('does so beside a detector, which sees the whole', async () => {
    const config: ModelConfig = { ...sliding(32, 24), detection: smallDetector.detection, name: 'both' };
    const model = await loadModel({ config, weights: await renamed(config) }, { engine: 'cpu' });
    const result = await model.predict(picture);
    expect(result.segmentation!.labels).to.have.length(90 * 60);
    expect(result.length).to.be.greaterThan(0);
    await model.dispose();
  });
});
