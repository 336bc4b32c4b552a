import { expect } from 'chai';
import { loadModel, type ModelConfig, type Raster } from 'moganet';
import { writeSafetensors } from '../../src/formats/index.ts';
import { smallDetection, smallSegmentation, smallWeights } from '../harness/small_model.ts';

/**
 * Segmentation on windows, and weights in another publisher's key layout below `backbone.`, through the library's
 * entry.
 */

const image: Raster = {
  width: 90,
  height: 60,
  data: Uint8ClampedArray.from({ length: 4 * 90 * 60 }, (_, i) => (i % 4 === 3 ? 255 : (i * 7 + (i >> 9) * 31) % 256)),
};

const square = (extent: number) => ({ height: extent, width: extent });
const whole: ModelConfig = {
  ...smallSegmentation,
  backbone: { type: 'convnext', arch: { dims: [8, 8, 16, 16], depths: [1, 1, 1, 1] } },
};
const { segmentation } = whole as Required<ModelConfig>;
const sliding = (crop: number, stride: number): ModelConfig => ({
  ...whole,
  segmentation: { ...segmentation, slide: { crop: square(crop), stride: square(stride) } },
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
    const result = await model.predict(image);
    return [...(result.segmentation?.labels ?? [])];
  } finally {
    await model.dispose();
  }
}

describe('segmentation on windows', () => {
  let weights: Uint8Array;
  let atOnce: number[];
  before(async () => {
    weights = await renamed(whole);
    atOnce = await labelsOf(whole, weights);
  });

  it('gives the labels of the whole input if one window covers it', async () => {
    expect(new Set(atOnce).size).to.be.greaterThan(1);
    expect(await labelsOf(sliding(128, 64), weights)).to.deep.equal(atOnce);
  });

  it('gives other labels of the same size on smaller windows', async () => {
    const inWindows = await labelsOf(sliding(32, 24), weights);
    expect(inWindows).to.have.length(atOnce.length);
    expect(inWindows).to.not.deep.equal(atOnce);
  });

  it('runs beside detection, which sees the whole input', async () => {
    const config: ModelConfig = { ...sliding(32, 24), detection: smallDetection.detection, name: 'both' };
    const model = await loadModel({ config, weights: await renamed(config) }, { engine: 'cpu' });
    const result = await model.predict(image);
    expect(result.segmentation?.labels).to.have.length(90 * 60);
    expect(result.length).to.be.greaterThan(0);
    await model.dispose();
  });
});
