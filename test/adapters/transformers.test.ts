import { expect } from 'chai';
import { ConfigError } from 'moganet';
import { pipeline, toImageClassification, toImageSegmentation, toObjectDetection } from 'moganet/adapters';
import { rejection } from '../harness/rejection.ts';
import { modelOf, nothing, result } from './images.ts';

/** The types of @huggingface/transformers 4 as its documentation has them: what its users wrote must compile. */
interface TheirBox {
  xmin: number;
  ymin: number;
  xmax: number;
  ymax: number;
}
type TheirDetections = { label: string; score: number; box: TheirBox }[];
interface TheirImage {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
  channels: 1 | 2 | 3 | 4;
}
type TheirSegments = { label: string | null; score: number | null; mask: TheirImage }[];
type TheirClasses = { label: string; score: number }[];

const setIn = ({ data, width }: TheirImage): string[] =>
  Array.from({ length: data.length / width }, (_, y) =>
    Array.from(data.subarray(y * width, (y + 1) * width), (value) => ({ 0: '.', 255: '#' })[value]).join(''),
  );

describe('results as transformers.js gives them', () => {
  it('have boxes in whole pixels from a score of 0.9 on', () => {
    const found: TheirDetections = toObjectDetection(result);
    expect(found).to.deep.equal([{ score: 0.9375, label: 'dog', box: { xmin: 0, ymin: 1, xmax: 3, ymax: 3 } }]);
    expect(toObjectDetection(result, { threshold: 0.75 }).map(({ label }) => label)).to.deep.equal(['dog', 'cat']);
  });

  it('have boxes as shares of the image with percentage', () => {
    const [, cat] = toObjectDetection(result, { threshold: 0.5, percentage: true });
    expect(cat).to.deep.equal({ score: 0.75, label: 'cat', box: { xmin: 0.5, ymin: 0, xmax: 1, ymax: 0.625 } });
  });

  it('have masks of instances as images of one channel', () => {
    const segments: TheirSegments = toImageSegmentation(result);
    expect(segments.map(({ label, score }) => [label, score])).to.deep.equal([
      ['dog', 0.9375],
      ['cat', 0.75],
    ]);
    const { mask } = segments[0]!;
    expect(mask).to.include({ width: 6, height: 4, channels: 1 });
    expect(mask.data).to.be.instanceOf(Uint8ClampedArray);
    expect(setIn(mask)).to.deep.equal(['......', '.##...', '.#....', '......']);
  });

  it('have masks of classes without scores, and none of pixels without a class', () => {
    const segments: TheirSegments = toImageSegmentation(result, { subtask: 'semantic' });
    expect(segments.map(({ label, score, mask }) => ({ label, score, mask: setIn(mask) }))).to.deep.equal([
      { label: 'sky', score: null, mask: ['...###', '...###', '...###', '...##.'] },
      { label: 'sand', score: null, mask: ['###...', '###...', '###...', '###...'] },
    ]);
  });

  it('have the best classes', () => {
    const classes: TheirClasses = toImageClassification(result);
    expect(classes).to.deep.equal([
      { label: 'lynx', score: 0.5 },
      { label: 'tabby', score: 0.375 },
    ]);
    expect(toImageClassification(result, { top_k: 1 })).to.have.length(1);
    expect(toImageClassification(result, { top_k: 0 })).to.have.length(2);
  });

  it('refuse a task that did not run, and options that they do not know', () => {
    expect(() => toObjectDetection(nothing)).to.throw(RangeError, /no detection/);
    expect(() => toImageSegmentation(nothing)).to.throw(RangeError, /no segmentation/);
    expect(() => toImageSegmentation(nothing, { subtask: 'instance' })).to.throw(RangeError, /no masks of instances/);
    expect(() => toImageClassification(nothing)).to.throw(RangeError, /no classification/);
    expect(() => toImageSegmentation(result, { subtask: 'panoptic' } as never)).to.throw(ConfigError, /subtask/);
    expect(() => toObjectDetection(result, { treshold: 0.5 } as never)).to.throw(ConfigError, /threshold/);
  });
});

describe('a model as a pipeline', () => {
  it('is called as theirs, and asks the model for the task and the threshold', async () => {
    const model = modelOf(result);
    const detector = await pipeline('object-detection', model);
    expect(await detector(result.image, { threshold: 0.7 })).to.deep.equal(
      toObjectDetection(result, { threshold: 0.7 }),
    );
    const segmenter = await pipeline('image-segmentation', model);
    expect(await segmenter(result.image)).to.deep.equal(toImageSegmentation(result));
    const subtask = 'semantic';
    expect(await segmenter(result.image, { subtask })).to.deep.equal(toImageSegmentation(result, { subtask }));
    const classifier = await pipeline('image-classification', model);
    expect(await classifier(result.image, { top_k: 1 })).to.deep.equal([{ label: 'lynx', score: 0.5 }]);
    expect(model.asked).to.deep.equal([
      { score: 0.7, only: 'detection' },
      { score: 0.5, only: undefined },
      { score: 0.5, only: 'segmentation' },
      { top: 1, only: 'classification' },
    ]);
    await detector.dispose();
    expect(model.isDisposed).to.equal(true);
  });

  it('refuses another task, and wrong options before it predicts', async () => {
    const model = modelOf(result);
    expect(() => pipeline('depth-estimation' as never, model)).to.throw(
      ConfigError,
      /object-detection.*depth-estimation/,
    );
    expect(await rejection(pipeline('object-detection', model)(result.image, { threshold: 9 }))).to.be.instanceOf(
      ConfigError,
    );
    expect(model.asked).to.deep.equal([]);
  });
});
