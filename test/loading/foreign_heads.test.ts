import { expect } from 'chai';
import { loadModel, type ModelConfig, type Result } from 'moganet';
import { bytesSource, writeSafetensors } from 'moganet/formats';
import type { NDArray } from '../../src/arrays.ts';
import { convertCheckpoints } from '../../src/loading/convert.ts';
import { rejection } from '../harness/rejection.ts';
import { smallDetectors } from '../harness/small_heads.ts';
import { imageOf, smallBoth, smallWeights } from '../harness/small_model.ts';

/** Detectors whose classifier has the background first, made of ones that have it last. */

const { backbone } = smallBoth;
const image = imageOf(50, 30);

/** A tensor with rows before the others; they are noise, which a right reading never uses. */
function withRows({ shape, data }: NDArray, rows: number): NDArray {
  const [count = 1, ...others] = shape;
  const noise = Float32Array.from({ length: (data.length / count) * rows }, (_, i) => 50 + i);
  return { shape: [count + rows, ...others], data: Float32Array.of(...noise, ...data) };
}

function backgroundFirst(weights: Map<string, NDArray>, { rows = true } = {}): Map<string, NDArray> {
  return new Map(
    [...weights].map(([key, array]) => {
      if (/fc_cls/.test(key)) {
        const row = array.data.length / (array.shape[0] ?? 1);
        const last = array.data.slice(-row);
        return [key, { ...array, data: Float32Array.of(...last, ...array.data.slice(0, -row)) }];
      }
      if (rows && /fc_reg/.test(key)) return [key, withRows(array, 4)];
      if (rows && /conv_logits/.test(key)) return [key, withRows(array, 1)];
      return [key, array];
    }),
  );
}

const numbersOf = ({ boxes, scores, labels, masks }: Result) => ({
  boxes: [...boxes],
  scores: [...scores],
  labels: [...labels],
  masks: masks?.map(({ left, top, rle }) => [left, top, ...rle.counts]),
});

async function found(config: ModelConfig, weights: Map<string, NDArray>) {
  const model = await loadModel({ config, weights: await writeSafetensors(weights).bytes() }, { engine: 'cpu' });
  try {
    return { numbers: numbersOf(await model.predict(image)), notices: model.notices, config: model.config };
  } finally {
    await model.dispose();
  }
}

describe('a detector whose background is the first output', () => {
  for (const type of ['mask_rcnn', 'cascade_mask_rcnn'] as const) {
    const detection = smallDetectors[type];
    const last: ModelConfig = { backbone, detection };
    const first = { backbone, detection: { ...detection, background: 'first' } } as ModelConfig;

    it(`finds what it finds with the background last: ${type}`, async () => {
      const weights = smallWeights(last);
      const plain = await found(last, weights);
      expect(plain.numbers.scores).to.have.length(5);
      expect((await found(first, backgroundFirst(weights))).numbers).to.deep.equal(plain.numbers);
      // boxes and masks of a file may lack the background
      expect((await found(first, backgroundFirst(weights, { rows: false }))).numbers).to.deep.equal(plain.numbers);
      expect((await found(last, backgroundFirst(weights, { rows: false }))).numbers).not.to.deep.equal(plain.numbers);
    });

    it(`is written with the background last, and says nothing of it: ${type}`, async () => {
      const weights = smallWeights(last);
      const source = bytesSource(await writeSafetensors(backgroundFirst(weights)).bytes(), 'first.safetensors');
      const { config, output } = await convertCheckpoints([{ source, config: first }]);
      expect(config.detection).not.to.have.property('background', 'first');
      const model = await loadModel({ weights: await output.bytes() }, { engine: 'cpu' });
      expect(numbersOf(await model.predict(image))).to.deep.equal((await found(last, weights)).numbers);
      await model.dispose();
    });
  }

  it('shows its names with the numbers of the outputs', async () => {
    const detection = { ...smallDetectors.mask_rcnn, background: 'first' as const };
    const { notices } = await found({ backbone, detection }, backgroundFirst(smallWeights({ backbone, detection })));
    const [notice = ''] = notices;
    expect(notices).to.have.length(1);
    expect(notice).to.include('Output 0 of the classifier is the background');
    expect(notice).to.include('1 "left", 2 "right"');
  });

  it('is refused with other shapes, by key', async () => {
    const detection = { ...smallDetectors.mask_rcnn, background: 'first' as const };
    const weights = backgroundFirst(smallWeights({ backbone, detection }));
    const key = 'roi_head.bbox_head.fc_cls.weight';
    const tensor = weights.get(key);
    expect(tensor?.shape[0]).to.equal(3);
    weights.set(key, withRows(tensor!, 2));
    expect((await rejection(found({ backbone, detection }, weights))).message).to.include(key);
  });

  for (const [publisher, key, besides] of [
    ['torchvision', 'roi_heads.box_predictor.cls_score.weight', 'backbone.body.conv1.weight'],
    ['Detectron2', 'roi_heads.box_predictor.cls_score.weight', 'backbone.bottom_up.stem.conv1.weight'],
    ['maskrcnn-benchmark', 'module.roi_heads.box.predictor.cls_score.weight', 'module.backbone.body.stem.conv1.weight'],
  ] as const) {
    it(`is named if its key layout is not known: ${publisher}`, async () => {
      const tensor = { shape: [3, 4], data: new Float32Array(12) };
      const weights = new Map([
        [key, tensor],
        [besides, tensor],
      ]);
      const config: ModelConfig = { backbone, detection: smallDetectors.mask_rcnn };
      for (const load of [found(config, weights), loadModel({ weights: await writeSafetensors(weights).bytes() })]) {
        expect((await rejection(load)).message).to.include(`a detector of ${publisher}`);
      }
    });
  }

  it('is no choice of a detector without a background', async () => {
    const detection = { ...smallDetectors.retinanet, background: 'first' } as never;
    expect((await rejection(found({ backbone, detection }, new Map()))).message).to.include('background');
  });
});

describe('classes without names', () => {
  const numbered = (count: number) => Array.from({ length: count }, (_, i) => `class ${i}`);
  const notices = async (classes: string[]) => {
    const config: ModelConfig = { backbone, detection: { ...smallDetectors.retinanet, classes } };
    return (await found(config, smallWeights(config))).notices;
  };

  it('are shown with where to give names', async () => {
    const [notice = ''] = await notices(numbered(9));
    expect(notice).to.include('0 "class 0", 1 "class 1"');
    expect(notice).to.include('…, 8 "class 8"');
    expect(notice).to.include('detection.classes');
  });

  it('are not shown if they have names', async () => {
    expect(await notices(['class 0', 'door'])).to.deep.equal([]);
  });
});
