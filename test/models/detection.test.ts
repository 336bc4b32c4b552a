import { expect } from 'chai';
import { itemAt, type NDArray } from '../../src/arrays.ts';
import { families } from '../../src/backbones/index.ts';
import { ConfigError, EngineError } from '../../src/errors.ts';
import { geometryOf } from '../../src/image/geometry.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { createModel } from '../../src/models/create.ts';
import { runOnRegions } from '../../src/models/rcnn.ts';
import type { RunPart, TaskResult } from '../../src/models/task.ts';
import type { DeviceTensor } from '../../src/nn/index.ts';
import { maskBitmap } from '../../src/postprocess/masks.ts';
import { rejection } from '../harness/rejection.ts';
import { smallDetectors, smallSegmentationHeads } from '../harness/small_heads.ts';
import { hostTensor, onFeatures, taskOf } from '../harness/tasks.ts';

/** Tests the arithmetic between the parts: maps and outputs of heads are written by hand. */

/** Returns the detections of the first image of a batch. */
async function detectionsOf(results: Promise<readonly TaskResult[]>) {
  const { detections } = itemAt(await results, 0);
  if (!detections) throw new Error('the task has no detections');
  return detections;
}

const zeros = (...shape: number[]) => hostTensor(shape, new Float32Array(shape.reduce((a, b) => a * b, 1)));

/** A map with one value that differs from `rest`, at channel, row and column. */
function peak(shape: [number, number, number, number], rest: number, value: number, at: [number, number, number]) {
  const [, , height, width] = shape;
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(rest);
  data[(at[0] * height + at[1]) * width + at[2]] = value;
  return hostTensor(shape, data);
}

const model = (detection: ModelConfig['detection']): ModelConfig => ({ backbone: families.moganet.small, detection });
const { cascade_mask_rcnn: cascade, retinanet } = smallDetectors;

const square = { height: 64, width: 64 };
const geometry = geometryOf({ height: 32, width: 32 }, square, square);
const sizes = [16, 8, 4, 2, 1];
const perLevel = (name: string, make: (size: number, level: number) => DeviceTensor) =>
  Object.fromEntries(sizes.map((size, level) => [`${name}${level}`, make(size, level)]));

describe('a cascade', () => {
  const rpn = { ...cascade.rpn, max: 1 };
  const detection = taskOf(createModel(model({ ...cascade, rpn, test: { score: 0.3 } })), 'detection');

  /**
   * One proposal: the anchor at row 3, column 2 of the finest level, 16×16 around (8, 12), clipped to (0, 4, 16, 20).
   */
  const features = {
    ...perLevel('fpn', (size) => zeros(1, 8, size, size)),
    ...perLevel('rpn_cls', (size, level) =>
      level === 0
        ? peak([1, 1, size, size], -9, 9, [0, 3, 2])
        : hostTensor([1, 1, size, size], new Array(size ** 2).fill(-9)),
    ),
    ...perLevel('rpn_reg', (size) => zeros(1, 4, size, size)),
  };

  /** Outputs of the box heads on one region, and of the mask heads. Records the regions that each runs on. */
  function heads(logits: readonly number[][], deltas: readonly number[][], masks: readonly number[]) {
    const ran: [part: string, regions: number[]][] = [];
    const run: RunPart = async (part, inputs) => {
      const regions = Object.entries(inputs).filter(([name]) => name.startsWith('rois'));
      const rows = regions.flatMap(([, value]) => ('data' in value ? [...value.data] : []));
      ran.push([part, rows]);
      if (part === 'mask') {
        return Object.fromEntries(
          masks.map((logit, i) => [`mask_logits${i}`, hostTensor([1, 2, 28, 28], new Array(2 * 28 * 28).fill(logit))]),
        );
      }
      const stage = Number(part.slice('box'.length));
      return {
        cls_score: hostTensor([1, 3, 1, 1], itemAt(logits, stage)),
        bbox_pred: hostTensor([1, 4, 1, 1], itemAt(deltas, stage)),
      };
    };
    return { ran, run };
  }

  it('starts each stage from the boxes of the stage before, and scores by the mean of the logits', async () => {
    // stds 0.1, 0.05 and 0.033: the box of 16×16 is moved by 0.1 · 5 · 16 = 8 to the right, then by 0.05 · 5 · 16 = 4
    // down
    const right = [5, 0, 0, 0];
    const down = [0, 5, 0, 0];
    const { ran, run } = heads(
      [
        [Math.log(8), 0, 0],
        [0, Math.log(8), 0],
        [Math.log(8), 0, 0],
      ],
      [right, down, [0, 0, 0, 0]],
      [0, 0, 0],
    );
    const found = await detectionsOf(detection.predict(onFeatures(features, [geometry], run), {}));
    expect(ran.slice(0, 3)).to.deep.equal([
      ['box0', [0, 0, 4, 16, 20]],
      ['box1', [0, 8, 4, 24, 20]],
      ['box2', [0, 8, 8, 24, 24]],
    ]);
    // softmax of (2 ln 8 / 3, ln 8 / 3, 0) = (4, 2, 1) / 7; class 1 is below the threshold
    expect([...found.labels]).to.deep.equal([0]);
    expect(found.scores[0]).to.be.closeTo(4 / 7, 1e-6);
    // the original image is half as large
    expect([...found.boxes]).to.deep.equal([4, 4, 12, 12]);
  });

  it('averages the probabilities of the masks of all stages', async () => {
    const best = [9, 0, 0];
    const still = [0, 0, 0, 0];
    const setWith = async (...masks: number[]) => {
      const { ran, run } = heads([best, best, best], [still, still, still], masks);
      const { masks: pasted = [] } = await detectionsOf(detection.predict(onFeatures(features, [geometry], run), {}));
      expect(ran.at(-1)).to.deep.equal(['mask', [0, 0, 4, 16, 20]]);
      return maskBitmap(itemAt(pasted, 0)).reduce((sum, bit) => sum + bit, 0);
    };
    // the mean probability is first 0.6, while the mean logit is negative, then 0.4
    const logit = (p: number) => Math.log(p / (1 - p));
    expect(await setWith(logit(0.9), logit(0.9), logit(0.001))).to.equal(8 * 8);
    expect(await setWith(logit(0.6), logit(0.6), logit(0.001))).to.equal(0);
  });

  it('runs no head without proposals, and no mask head without boxes', async () => {
    const nothing = model({ ...cascade, rpn: { ...rpn, minSize: 1000 } });
    const { ran, run } = heads([[0, 0, 9]], [[0, 0, 0, 0]], []);
    const task = taskOf(createModel(nothing), 'detection');
    const none = await detectionsOf(task.predict(onFeatures(features, [geometry], run), {}));
    expect(ran).to.deep.equal([]);
    expect([none.boxes.length, none.scores.length, none.masks?.length]).to.deep.equal([0, 0, 0]);

    const background = heads(
      [
        [0, 0, 9],
        [0, 0, 9],
        [0, 0, 9],
      ],
      [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ],
      [],
    );
    const empty = await detectionsOf(detection.predict(onFeatures(features, [geometry], background.run), {}));
    expect(background.ran.map(([part]) => part)).to.deep.equal(['box0', 'box1', 'box2']);
    expect([empty.boxes.length, empty.masks?.length]).to.deep.equal([0, 0]);
  });
});

describe('RetinaNet', () => {
  const detection = taskOf(createModel(model(retinanet)), 'detection');
  const sizesOf = [8, 4, 2, 1, 1];
  const maps = (batch = 1) =>
    Object.fromEntries(
      sizesOf.flatMap((size, level) => [
        [`cls${level}`, hostTensor([batch, 2, size, size], new Array(batch * 2 * size * size).fill(-9))],
        [`reg${level}`, zeros(batch, 4, size, size)],
      ]),
    );
  const nobody: RunPart = async () => expect.fail('RetinaNet has no parts on regions');

  it('finds the anchor whose class is above the threshold', async () => {
    // class 1 at row 2, column 3 of the map of stride 16: an anchor of 64×64 around (48, 32)
    const features = { ...maps(), cls1: peak([1, 2, 4, 4], -9, Math.log(3), [1, 2, 3]) };
    const found = await detectionsOf(detection.predict(onFeatures(features, [geometry], nobody), {}));
    expect([...found.labels]).to.deep.equal([1]);
    expect(found.scores[0]).to.be.closeTo(0.75, 1e-6);
    // x from 16 to 80, clipped to 64; y from 0 to 64; the original is half as large
    expect([...found.boxes]).to.deep.equal([8, 0, 32, 32]);
  });

  it('finds nothing in maps of low scores, in every image of a batch', async () => {
    const results = await detection.predict(onFeatures(maps(2), [geometry, geometry], nobody), {});
    expect(results.map(({ detections }) => detections?.scores.length)).to.deep.equal([0, 0]);
  });

  it('takes the caller’s limits', async () => {
    const options = { score: 0, max: 3 };
    const { scores } = await detectionsOf(detection.predict(onFeatures(maps(), [geometry], nobody), options));
    expect(scores).to.have.length(3);
  });
});

describe('a detector whose levels do not fit', () => {
  const refusal = (config: ModelConfig, text: string) => expect(() => createModel(config)).to.throw(ConfigError, text);

  it('is refused if the anchors have another number of levels', () => {
    const anchors = { ...retinanet.head.anchors, strides: [8, 16, 32, 64] };
    refusal(
      model({ ...retinanet, head: { ...retinanet.head, anchors } }),
      'detection.head.anchors.strides: has 4 levels, the neck gives 5: 8, 16, 32, 64, 128.',
    );
  });

  it('is refused if regions are pooled from more levels than the neck has', () => {
    const strides = [4, 8, 16, 32, 64, 128];
    const box = cascade.box.map((stage, i) => (i === 1 ? { ...stage, region: { ...stage.region, strides } } : stage));
    refusal(model({ ...cascade, box }), 'detection.box.1.region.strides: has 6 levels, the neck gives 5.');
  });

  it('is refused beside segmentation with a neck, since both necks have the same keys', () => {
    refusal(
      { ...model(retinanet), segmentation: smallSegmentationHeads.semantic_fpn_head },
      'detection and segmentation cannot share a model: both keep weights under "neck.".',
    );
  });
});

describe('runOnRegions', () => {
  const region = { size: 7, samplingRatio: 2, aligned: true, finestScale: 28, strides: [4, 8] };
  const pyramid = { fpn0: zeros(1, 1, 16, 16), fpn1: zeros(1, 1, 8, 8) };
  /** Runs a part that gives the left edge of each region, and notes how many regions it takes at a time. */
  async function edgesOf(part: string, count: number) {
    const groups: number[] = [];
    const run: RunPart = async (_, inputs) => {
      const rows = [inputs.rois0, inputs.rois1].flatMap((rois) => {
        const { shape, data } = rois as NDArray;
        return Array.from({ length: shape[0] ?? 0 }, (_, i) => data[5 * i + 1] ?? Number.NaN);
      });
      groups.push(rows.length);
      return { edge: hostTensor([rows.length, 1, 1, 1], Float32Array.from(rows)) };
    };
    // small and large boxes in turns, so that each group has both levels
    const boxes = Float32Array.from(Array.from({ length: count }, (_, i) => [i, 0, i + (i % 2 ? 8 : 80), 60]).flat());
    const { edge } = await runOnRegions(part, region, boxes, 0, pyramid, run);
    return { groups, shape: edge?.shape, edges: [...(edge?.data ?? [])] };
  }

  it('runs a part on some of the regions at a time, and returns all in their order', async () => {
    const edges = (count: number) => Array.from({ length: count }, (_, i) => i);
    expect(await edgesOf('mask', 50)).to.deep.equal({ groups: [17, 17, 16], shape: [50, 1, 1, 1], edges: edges(50) });
    expect(await edgesOf('box', 257)).to.deep.equal({ groups: [129, 128], shape: [257, 1, 1, 1], edges: edges(257) });
    expect(await edgesOf('box', 0)).to.deep.equal({ groups: [0], shape: [0, 1, 1, 1], edges: [] });
  });

  it('frees the outputs of the part, also if one cannot be read', async () => {
    const freed: string[] = [];
    const output = (name: string, read: DeviceTensor['read']): DeviceTensor => ({
      shape: [1, 1, 1, 1],
      read,
      dispose: () => void freed.push(name),
    });
    const whole = output('whole', async () => ({ shape: [1, 1, 1, 1], data: new Float32Array(1) }));
    const broken = output('broken', async () => {
      throw new EngineError('not finite');
    });
    const onOne = (outputs: Readonly<Record<string, DeviceTensor>>) =>
      runOnRegions('box', region, Float32Array.of(0, 0, 8, 8), 0, pyramid, async () => outputs);
    await onOne({ whole });
    expect(freed.splice(0)).to.deep.equal(['whole']);
    expect((await rejection(onOne({ broken, whole }))).message).to.equal('not finite');
    expect(freed).to.have.members(['whole', 'broken']);
  });
});
