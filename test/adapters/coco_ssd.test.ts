import { expect } from 'chai';
import { ConfigError } from 'moganet';
import { type CocoSsdModel, cocoSsd, toCocoSsd } from 'moganet/adapters';
import { rejection } from '../harness/rejection.ts';
import { modelOf, nothing, result } from './images.ts';

/** The types of coco-ssd 2.2.3 as its README and declarations have them: what its users wrote must compile. */
interface TheirObject {
  bbox: [number, number, number, number];
  class: string;
  score: number;
}
interface TheirModel {
  detect(image: ImageLike, maxNumBoxes?: number, minScore?: number): Promise<TheirObject[]>;
  dispose(): void;
}
type ImageLike = { width: number; height: number; data: Uint8ClampedArray };

describe('results as coco-ssd gives them', () => {
  it('have the box as x, y, width and height, the class and the score', () => {
    const objects: TheirObject[] = toCocoSsd(result);
    expect(objects).to.deep.equal([
      { bbox: [0.75, 1.5, 2.5, 2], class: 'dog', score: 0.9375 },
      { bbox: [3, 0, 3, 2.5], class: 'cat', score: 0.75 },
    ]);
  });

  it('keep the best of those above the score', () => {
    expect(toCocoSsd(result, 1)).to.have.length(1);
    expect(toCocoSsd(result, 20, 0.1)).to.have.length(3);
    expect(toCocoSsd(result, 20, 0.75).map(({ score }) => score)).to.deep.equal([0.9375]);
  });

  it('refuse a result without detection, and limits that are none', () => {
    expect(() => toCocoSsd(nothing)).to.throw(RangeError, /no detection/);
    expect(() => toCocoSsd(result, 0)).to.throw(ConfigError, /toCocoSsd.*maxNumBoxes/);
    expect(() => toCocoSsd(result, 20, 50)).to.throw(ConfigError, /minScore/);
  });
});

describe('a model as coco-ssd has it', () => {
  it('takes what theirs takes, with their defaults, and asks for no more than that', async () => {
    const model = modelOf(result);
    const ours: CocoSsdModel = cocoSsd(model);
    const theirs: TheirModel = ours;
    expect(await theirs.detect(result.image as ImageLike)).to.deep.equal(toCocoSsd(result));
    expect(await theirs.detect(result.image as ImageLike, 2, 0.2)).to.deep.equal(toCocoSsd(result, 2, 0.2));
    expect(model.asked).to.deep.equal([
      { score: 0.5, max: 20, only: 'detection' },
      { score: 0.2, max: 2, only: 'detection' },
    ]);
    await ours.dispose();
    expect(model.isDisposed).to.equal(true);
  });

  it('refuses limits before it predicts', async () => {
    const model = modelOf(result);
    expect(await rejection(cocoSsd(model).detect(result.image, 1.5))).to.be.instanceOf(ConfigError);
    expect(model.asked).to.deep.equal([]);
  });
});
