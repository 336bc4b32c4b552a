import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { decodeImage, loadModel, type Model } from 'moganet';
import { drawPoses } from 'moganet/render';
import type { Raster } from '../../src/image/raster.ts';
import { rejection } from '../harness/rejection.ts';
import { type SceneOptions, type StickFigure, stickScene } from '../harness/stick_figures.ts';
import { expectOverlay } from '../render/images.ts';

/** From a picture and boxes to keypoints, with the small model that knows people drawn with lines. */

const folder = new URL('../../samples/poses/', import.meta.url);
const weights = new URL('stick-figures.safetensors', folder);
const boxesOf = (people: readonly StickFigure[]) => people.map(({ box }) => [...box]);

describe('poses of people drawn with lines', () => {
  let model: Model;
  before(async () => {
    model = await loadModel({ weights });
  });
  after(() => model.dispose());

  const posesIn = async (image: Raster, options: Parameters<Model['predict']>[1]) => {
    const { poses } = await model.predict(image, options);
    if (!poses) throw new Error('the model finds no poses');
    return poses;
  };

  /** Returns how far each keypoint is from the joint that was drawn, in shares of the person's height, in rising order. */
  async function distances(seeds: readonly number[], options: SceneOptions, flip = false): Promise<number[]> {
    const found: number[] = [];
    for (const seed of seeds) {
      const { image, people } = stickScene(seed, options);
      for (const { index, keypoints } of await posesIn(image, { boxes: boxesOf(people), flip })) {
        const { joints, box } = people[index]!;
        for (const [k, { x, y }] of keypoints.entries())
          found.push(Math.hypot(x - joints[k]![0], y - joints[k]![1]) / (box[3] - box[1]));
      }
    }
    return found.sort((a, b) => a - b);
  }

  const sizes: readonly [what: string, options: SceneOptions][] = [
    ['a small picture', { width: 160, height: 120, people: 2 }],
    ['the size that it was trained on', { width: 320, height: 240 }],
    ['one person upright', { width: 240, height: 360, people: 1 }],
    ['many in a large picture', { width: 1280, height: 720, people: 6 }],
  ];
  for (const [what, options] of sizes) {
    for (const flip of [false, true]) {
      it(`are where they were drawn, half of them to 1 % of a person’s height and 95 of 100 to 2.5 %: ${what}${flip ? ', mirrored as well' : ''}`, async () => {
        const sorted = await distances([1, 2, 3, 4, 5, 6], options, flip);
        expect(sorted[sorted.length >> 1]).to.be.below(0.01);
        // of what lies further off are mostly wrists in front of the body, of which the drawing shows little
        expect(sorted[Math.floor(0.95 * sorted.length)]).to.be.below(0.025);
      });
    }
  }

  it('are those of one box at a time, however many there are', async () => {
    const { image, people } = stickScene(7, { width: 640, height: 480, people: 4 });
    const boxes = Array.from({ length: 20 }, (_, i) => [...people[i % 4]!.box].map((edge) => edge + ((i * 7) % 5) - 2));
    for (const flip of [false, true]) {
      const together = await posesIn(image, { boxes, flip });
      expect(together).to.have.length(20);
      for (const [i, box] of boxes.entries()) {
        const alone = await posesIn(image, { boxes: [box], flip });
        const { keypoints, score } = together.at(i)!;
        expect(alone.at(0)?.score).to.be.closeTo(score, 1e-4);
        for (const [k, { x, y }] of alone.at(0)!.keypoints.entries()) {
          expect(x).to.be.closeTo(keypoints[k]!.x, 0.01);
          expect(y).to.be.closeTo(keypoints[k]!.y, 0.01);
        }
      }
    }
  });

  it('stop at an abort between two batches of boxes, and the model goes on', async () => {
    const { image, people } = stickScene(7);
    const boxes = Array.from({ length: 600 }, (_, i) => [...people[i % 3]!.box]);
    const controller = new AbortController();
    const running = model.predict(image, { boxes, signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 30);
    expect(await rejection(running)).to.have.property('message', 'enough');
    expect(await posesIn(image, { boxes: boxes.slice(0, 3) })).to.have.length(3);
  });

  it('are found once, though several boxes show a person', async () => {
    const { image, people } = stickScene(8);
    const moved = people.flatMap(({ box }) => [box, box.map((edge) => edge + 2), box.map((edge) => edge - 3)]);
    const boxes = { boxes: moved.flat(), scores: moved.map((_, i) => (i % 3 === 1 ? 0.9 : 0.8)) };
    const all = await posesIn(image, { boxes });
    const kept = await posesIn(image, { boxes, oks: 0.8 });
    expect([all.length, kept.length]).to.deep.equal([9, 3]);
    const scores = [...kept].map(({ score }) => score);
    expect(scores).to.deep.equal([...scores].sort((a, b) => b - a));
    // the box of each that has the higher score
    for (const { box } of kept) expect(people.some((one) => Math.abs(one.box[0] + 2 - box[0]) < 1e-3)).to.equal(true);
  });

  it('are those of the whole picture, if no box is given', async () => {
    const { image, people } = stickScene(9, { width: 120, height: 160, people: 1, tallness: [0.85, 0.85] });
    const [pose] = await posesIn(image, {});
    expect(pose?.box).to.deep.equal([0, 0, 120, 160]);
    const { joints } = people[0]!;
    const wrong = pose!.keypoints.filter(({ x, y }, k) => Math.hypot(x - joints[k]![0], y - joints[k]![1]) > 5);
    expect(wrong.filter(({ name }) => !name.endsWith('wrist')).map(({ name }) => name)).to.deep.equal([]);
  });

  it('tell left from right as we see them: the left of who faces us is on the right', async () => {
    const { image, people } = stickScene(10);
    for (const { keypoints } of await posesIn(image, { boxes: boxesOf(people) })) {
      const at = (name: string) => keypoints.find((one) => one.name === name)!.x;
      for (const part of ['shoulder', 'hip', 'ear']) expect(at(`left_${part}`)).to.be.above(at(`right_${part}`));
    }
  });

  it('are drawn on the shipped picture, with which the annotations and the formula agree', async () => {
    const image = await decodeImage(readFileSync(new URL('stick-figures.png', folder)));
    const scene = stickScene(25, { width: 480, height: 320 });
    expect(Buffer.compare(Buffer.from(image.data), Buffer.from(scene.image.data))).to.equal(0);
    const { annotations } = JSON.parse(readFileSync(new URL('annotations.json', folder), 'utf8')) as {
      readonly annotations: readonly { readonly bbox: readonly [number, number, number, number] }[];
    };
    const boxes = annotations.map(({ bbox: [x, y, width, height] }) => [x, y, x + width, y + height]);
    for (const [i, box] of boxesOf(scene.people).entries())
      for (const [k, edge] of box.entries()) expect(boxes[i]![k]).to.be.closeTo(edge, 0.02);
    const result = await model.predict(image, { boxes });
    const { points, pointScores, dataset } = result.poses!;
    const drawn = { pointScores, keypoints: dataset.keypoints };
    expect(result.render({ draw: 'pose' }).data).to.deep.equal(drawPoses(image, { ...drawn, points }).data);
    // to whole pixels: another processor rounds the last bit of a keypoint otherwise
    expectOverlay('stick_figures', drawPoses(image, { ...drawn, points: points.map(Math.round) }));
  });
});
