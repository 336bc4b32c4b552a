import { expect } from 'chai';
import { compactMask, encodeBitmap } from '../../src/postprocess/index.ts';
import { Mask } from '../../src/results/mask.ts';
import { Result } from '../../src/results/result.ts';
import {
  classCounts,
  createStore,
  initialLayers,
  isShown,
  layersFor,
  neighbour,
  scoreHistogram,
  shownInstances,
} from '../../web/stage/layers.ts';
import { describe as describeInstance, drawingOrder, shapesOf } from '../../web/stage/shapes.ts';

/** A 4×3 picture: a dog of three pixels, a cat without a mask's pixel, another dog of a low score. */
const size = { width: 4, height: 3 };
const maskOf = (bits: readonly number[]) => Mask.from(compactMask(encodeBitmap(Uint8Array.from(bits), size)));
const result = new Result({
  boxes: Float32Array.of(1, 0, 3, 2, 0, 0, 0, 0, 0, 0, 4, 3),
  scores: Float32Array.of(0.9, 0.7, 0.2),
  labels: Int32Array.of(1, 0, 1),
  masks: [
    maskOf([0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
    maskOf(new Array<number>(12).fill(0)),
    maskOf(new Array<number>(12).fill(1)),
  ],
  classes: ['cat', 'dog'],
  image: { ...size, data: new Uint8ClampedArray(48) },
  timings: {},
});

describe('the layers', () => {
  it('tell of a change once, and of none if nothing differs', () => {
    const store = createStore({ a: 1, b: 'x' });
    const heard: string[] = [];
    const end = store.subscribe((state, before) => heard.push(`${before.a}→${state.a}`));
    store.set({ a: 2 });
    store.set({ a: 2, b: 'x' });
    end();
    store.set({ a: 3 });
    expect(heard).to.deep.equal(['1→2']);
    expect(store.state).to.deep.equal({ a: 3, b: 'x' });
  });

  it('show the instances of the score and of the classes that are chosen', () => {
    const state = { ...initialLayers, score: 0.2 };
    // 0.2 as float32 is a little above 0.2
    expect(shownInstances(result, state)).to.deep.equal([0, 1, 2]);
    expect(shownInstances(result, { ...state, score: 0.5 })).to.deep.equal([0, 1]);
    expect(shownInstances(result, { ...state, hidden: new Set([1]) })).to.deep.equal([1]);
    expect(isShown(result, 7, state), 'no such instance').to.equal(false);
  });

  it('count classes, all of them and those above the score', () => {
    expect(classCounts(result, 0.5)).to.deep.equal([
      { label: 1, total: 2, above: 1 },
      { label: 0, total: 1, above: 1 },
    ]);
  });

  it('go round the instances that are shown', () => {
    expect(neighbour([0, 2, 5], undefined, 1)).to.equal(0);
    expect(neighbour([0, 2, 5], undefined, -1)).to.equal(5);
    expect(neighbour([0, 2, 5], 5, 1)).to.equal(0);
    expect(neighbour([0, 2, 5], 2, -1)).to.equal(0);
    expect(neighbour([0, 2, 5], 3, 1), 'one that is hidden since').to.equal(0);
    expect(neighbour([], undefined, 1)).to.equal(undefined);
  });

  it('put scores into bins, 1 into the last', () => {
    expect(scoreHistogram([0, 0.49, 0.5, 1], 2)).to.deep.equal([2, 2]);
    expect(scoreHistogram([], 3)).to.deep.equal([0, 0, 0]);
  });

  it('show at first what a model gives', () => {
    expect(layersFor(result, initialLayers, []).boxes.visible, 'boxes beside masks').to.equal(false);
    expect(layersFor(new Result({ ...result, masks: undefined }), initialLayers, []).boxes.visible).to.equal(true);
    const { classes: _, ...rest } = result;
    const segmented = new Result({
      ...rest,
      classes: [],
      boxes: new Float32Array(0),
      scores: new Float32Array(0),
      labels: new Int32Array(0),
      masks: undefined,
      segmentation: { labels: new Uint8Array(12), classes: ['sky'] },
    });
    expect(layersFor(segmented, initialLayers, []).segmentation.visible).to.equal(true);
    const lit = { ...initialLayers, lit: 2, selected: 2, score: 0.3 };
    const next = layersFor(result, lit, []);
    expect([next.lit, next.selected, next.score], 'the score stays, what was lit does not').to.deep.equal([
      undefined,
      undefined,
      0.3,
    ]);
  });
});

describe('the classes that are hidden', () => {
  const before = { ...initialLayers, hidden: new Set([1]) };

  it('stay hidden with the same model, and come back with another', () => {
    expect([...layersFor(result, before, ['cat', 'dog']).hidden]).to.deep.equal([1]);
    expect([...layersFor(result, before, ['car', 'bus']).hidden]).to.deep.equal([]);
    expect([...layersFor(result, before, []).hidden]).to.deep.equal([]);
  });
});

describe('the shapes of a result', () => {
  const shapes = shapesOf(result);

  it('have the mask as bytes, its area and its share', () => {
    const [dog] = shapes;
    expect(dog).to.deep.include({ name: 'dog', area: 3, share: 0.25, index: 0 });
    expect(dog?.mask).to.deep.equal({ left: 1, top: 0, width: 2, height: 2, bits: Uint8Array.of(1, 1, 1, 0) });
    expect(shapes[1]).to.deep.include({ area: 0, share: 0 });
  });

  it('are drawn large ones first', () => {
    expect(drawingOrder(shapes)).to.deep.equal([2, 0, 1]);
  });

  it('are told in words', () => {
    const [dog] = shapes;
    expect(dog && describeInstance(dog).replaceAll('\u00a0', ' ')).to.equal(
      'dog, score 0.90, 3 px, 25 % of the picture',
    );
  });
});
