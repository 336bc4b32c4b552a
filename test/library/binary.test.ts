import { expect } from 'chai';
import { loadModel, type ModelConfig, type Raster } from 'moganet';
import type { Weights } from '../../src/arrays.ts';
import { writeSafetensors } from '../../src/formats/index.ts';
import { createModel } from '../../src/models/create.ts';
import { fromMm, type MmContext } from '../../src/models/mm/index.ts';
import { smallSegmentation, smallWeights } from '../harness/small_model.ts';

/** Segmentation by a head of one channel, as mmseg does it: class 1 where the sigmoid of the logit is above a threshold. */

const image: Raster = {
  width: 48,
  height: 32,
  data: Uint8ClampedArray.from({ length: 4 * 48 * 32 }, (_, i) => (i % 4 === 3 ? 255 : (i * 7 + (i >> 9) * 31) % 256)),
};
const { segmentation } = smallSegmentation as Required<ModelConfig>;
const binary = (more: object): ModelConfig => ({
  ...smallSegmentation,
  segmentation: { ...segmentation, auxiliary: undefined, ...more } as ModelConfig['segmentation'],
});

/** Weights whose last layer gives one logit everywhere. */
function constant(config: ModelConfig, logit: number): Weights {
  const weights = smallWeights(config);
  weights.set('decode_head.conv_seg.weight', { shape: [1, 8, 1, 1], data: new Float32Array(8) });
  weights.set('decode_head.conv_seg.bias', { shape: [1], data: Float32Array.of(logit) });
  return weights;
}

async function predicted(config: ModelConfig, weights: Weights) {
  const model = await loadModel(
    { config, weights: await writeSafetensors(new Map(weights), {}).bytes() },
    { engine: 'cpu' },
  );
  try {
    return await model.predict(image);
  } finally {
    await model.dispose();
  }
}

const logitOf = (probability: number) => Math.log(probability / (1 - probability));

describe('segmentation of one channel', () => {
  it('tells one class from the background at 0.3 by default', async () => {
    const config = binary({ classes: ['window'] });
    for (const [probability, label] of [
      [0.29, 0],
      [0.31, 1],
    ] as const) {
      const { segmentation: found } = await predicted(config, constant(config, logitOf(probability)));
      expect(new Set(found?.labels)).to.deep.equal(new Set([label]));
      expect(found?.classes).to.deep.equal(['background', 'window']);
    }
  });

  it('tells two classes apart if there is a threshold, and has two channels otherwise', async () => {
    const config = binary({ classes: ['wall', 'window'], threshold: 0.7 });
    const { segmentation: found } = await predicted(config, constant(config, logitOf(0.69)));
    expect(new Set(found?.labels)).to.deep.equal(new Set([0]));
    const channels = (of: ModelConfig) => {
      const { graph } = createModel(of).parts.features!;
      return graph.nodes[graph.outputs.seg_logits!]!.channels;
    };
    expect(channels(config)).to.equal(1);
    expect(channels(binary({ classes: ['wall', 'window'] }))).to.equal(2);
  });

  it('is the same on windows, in shares and JSON, with both labels', async () => {
    const config = binary({ classes: ['window'], threshold: 0.5 });
    const slide = { crop: { height: 64, width: 64 }, stride: { height: 32, width: 32 } };
    const weights = smallWeights(config);
    const whole = await predicted(config, weights);
    const labels = whole.segmentation?.labels ?? new Uint8Array();
    expect(new Set(labels)).to.deep.equal(new Set([0, 1]));
    const inWindows = await predicted(binary({ classes: ['window'], threshold: 0.5, slide }), weights);
    expect([...(inWindows.segmentation?.labels ?? [])]).to.deep.equal([...labels]);
    const part = [...labels].reduce((sum, label) => sum + label, 0) / labels.length;
    const found: { label: number; name: string; share: number }[] = JSON.parse(JSON.stringify(whole)).segmentation;
    expect(found.map(({ label, name }) => [label, name])).to.deep.equal([
      [0, 'background'],
      [1, 'window'],
    ]);
    expect(found[1]?.share).to.be.closeTo(part, 1e-9);
    expect(whole.shares.window).to.be.closeTo(part, 1e-9);
  });

  it('is refused with a threshold for more classes', () => {
    expect(() => createModel(binary({ classes: ['a', 'b', 'c'], threshold: 0.5 }))).to.throw(
      /segmentation\.threshold: .*two classes.*has 3/,
    );
  });

  describe('of mmseg', () => {
    const head = { type: 'UPerHead', channels: 8, in_index: [0, 1, 2, 3], norm_cfg: { type: 'BN' } };
    const model = (more: object) => ({
      type: 'EncoderDecoder',
      backbone: { type: 'ResNet', depth: 18 },
      decode_head: { ...head, ...more },
    });
    const read = (more: object, context?: MmContext) => fromMm(model(more), context).segmentation;

    it('has one class, or two with out_channels 1, and mmseg’s threshold', () => {
      expect(read({ num_classes: 1 })).to.include({ threshold: 0.3 });
      expect(read({ num_classes: 2, out_channels: 1 })).to.include({ threshold: 0.3 });
      expect(read({ num_classes: 2, out_channels: 1, threshold: 0.6 })).to.include({ threshold: 0.6 });
      expect(read({ num_classes: 2 })).to.not.have.property('threshold');
    });

    it('takes the names of the checkpoint, one or two', () => {
      const classes = (more: object, names?: string[]) => read(more, names && { classes: names })?.classes;
      expect(classes({ num_classes: 1 }, ['crack'])).to.deep.equal(['crack']);
      expect(classes({ num_classes: 1 }, ['wall', 'crack'])).to.deep.equal(['wall', 'crack']);
      expect(classes({ num_classes: 1 })).to.deep.equal(['background', 'foreground']);
      expect(classes({ num_classes: 2, out_channels: 1 }, ['wall', 'crack'])).to.deep.equal(['wall', 'crack']);
      expect(() => classes({ num_classes: 1 }, ['a', 'b', 'c'])).to.throw(/names 3 classes/);
    });

    it('is refused with other numbers of channels', () => {
      expect(() => read({ num_classes: 3, out_channels: 1 })).to.throw(/out_channels: .*num_classes \(3\)/);
      expect(() => read({ num_classes: 3, threshold: 0.5 })).to.throw(/threshold: .*3 channels/);
    });

    it('fills one channel from its checkpoint', () => {
      const { parts } = createModel(fromMm(model({ num_classes: 2, out_channels: 1 })));
      const { graph } = parts.features!;
      expect(graph.nodes[graph.outputs.seg_logits!]!.channels).to.equal(1);
    });
  });
});
