import { expect } from 'chai';
import { cocoKeypoints } from '../../src/datasets/keypoints.ts';
import { ShapeError } from '../../src/errors.ts';
import type { Raster } from '../../src/image/raster.ts';
import { type DrawnKeypoints, drawPoses, poseColors, sidesOf } from '../../src/render/poses.ts';
import { expectOverlay, landscape, plain } from './images.ts';

/** Two legs. */
const limb: DrawnKeypoints = {
  names: ['left_knee', 'left_ankle', 'right_knee', 'right_ankle'],
  skeleton: [
    [0, 1],
    [2, 3],
  ],
  flipPairs: [
    [0, 2],
    [1, 3],
  ],
};

const poseOf = (...points: readonly (readonly [x: number, y: number, score: number])[]) => ({
  points: Float32Array.from(points.flatMap((point) => point.slice(0, 2))),
  pointScores: Float32Array.from(points, ([, , score]) => score),
});

/** Returns the rows of the green channel. */
const green = ({ width, height, data }: Raster): number[][] =>
  Array.from({ length: height }, (_, y) => Array.from({ length: width }, (__, x) => data[4 * (y * width + x) + 1]!));

const unlike = (a: Raster, b: Raster): number => Array.from(a.data).filter((value, i) => value !== b.data[i]).length;
const black = (width: number, height: number): Raster => plain({ width, height }, [0, 0, 0]);
/** The right leg, if only the left one is seen. */
const hidden = [
  [0, 0, 0],
  [0, 0, 0],
] as const;

describe('poses', () => {
  it('have lines from the middle of a pixel to that of another', () => {
    // 3 wide around the middle of column 2, from the middle of row 1 to that of row 4
    const pose = poseOf([2, 1, 0.9], [2, 4, 0.9], ...hidden);
    const drawn = drawPoses(black(5, 6), { ...pose, keypoints: limb }, { lineWidth: 3, pointRadius: 0 });
    expect(green(drawn)).to.deep.equal([
      [0, 0, 0, 0, 0],
      [0, 128, 128, 128, 0],
      [0, 255, 255, 255, 0],
      [0, 255, 255, 255, 0],
      [0, 128, 128, 128, 0],
      [0, 0, 0, 0, 0],
    ]);
    const across = drawPoses(
      black(5, 3),
      { ...poseOf([0, 1, 1], [3, 1, 1], ...hidden), keypoints: limb },
      { pointRadius: 0 },
    );
    expect(green(across)).to.deep.equal([
      [0, 0, 0, 0, 0],
      [128, 255, 255, 128, 0],
      [0, 0, 0, 0, 0],
    ]);
  });

  it('have discs at their keypoints', () => {
    const alone = { names: ['left', 'right'], skeleton: [], flipPairs: [] };
    const drawn = drawPoses(black(9, 9), { ...poseOf([4, 4, 0.5], [0, 0, 0]), keypoints: alone }, { pointRadius: 3 });
    // green of the trunk's colour, 153: its sum is that of the area
    const rows = green(drawn);
    const area = rows.flat().reduce((sum, value) => sum + value, 0) / 153;
    expect(area).to.be.closeTo(Math.PI * 9, 0.3);
    expect(rows.map((row) => [...row].reverse())).to.deep.equal(rows);
    expect([...rows].reverse()).to.deep.equal(rows);
    expect(rows[4]!.map((value) => value > 0)).to.deep.equal([0, 1, 1, 1, 1, 1, 1, 1, 0].map(Boolean));
    expect([...drawn.data.subarray(4 * 40, 4 * 40 + 4)]).to.deep.equal([255, 153, 51, 255]);
  });

  it("have mmpose's colours: left green, right blue, head and trunk orange", () => {
    const { points, links } = sidesOf(cocoKeypoints);
    const [l, r, t] = ['left', 'right', 'trunk'] as const;
    expect(points).to.deep.equal([t, t, t, t, t, l, r, l, r, l, r, l, r, l, r, l, r]);
    expect(links).to.deep.equal([l, l, r, r, t, t, t, t, l, r, l, r, t, t, t, t, t, t, t]);
    expect(poseColors).to.deep.equal({ left: [0, 255, 0], right: [0, 128, 255], trunk: [255, 153, 51] });
    // keypoints without pairs have no side
    expect(sidesOf({ ...cocoKeypoints, flipPairs: [] }).links.every((side) => side === 'trunk')).to.equal(true);
  });

  it('are drawn thicker if the person is larger', () => {
    const widthOf = (length: number) => {
      const pose = poseOf([length / 2, 5, 1], [length / 2, 5 + length, 1], ...hidden);
      const drawn = drawPoses(black(length, length + 10), { ...pose, keypoints: limb });
      return green(drawn)[5 + length / 2]!.reduce((sum, value) => sum + value / 255, 0);
    };
    expect(widthOf(30)).to.be.closeTo(1, 0.02);
    expect(widthOf(120)).to.be.closeTo(2, 0.02);
    expect(widthOf(600)).to.be.closeTo(10, 0.02);
  });

  it('leave out keypoints below the score, with the lines to them', () => {
    const image = black(20, 20);
    const draw = (a: number, b: number, score?: number) =>
      drawPoses(image, { ...poseOf([5, 5, a], [15, 15, b], ...hidden), keypoints: limb }, { score });
    expect(unlike(draw(0.29, 0.29), image)).to.equal(0);
    const one = green(draw(0.3, 0.29));
    expect([one[5]![5], one[10]![10], one[15]![15]]).to.deep.equal([255, 0, 0]);
    const both = green(draw(0.3, 0.3));
    expect([both[5]![5], both[10]![10]! > 100, both[15]![15]]).to.deep.equal([255, true, 255]);
    expect(unlike(draw(0.5, 0.5, 0.6), image)).to.equal(0);
  });

  it('leave out lines with an end outside the image, and what is not finite', () => {
    const image = black(20, 20);
    const draw = (x: number, y: number) =>
      green(drawPoses(image, { ...poseOf([10, 10, 1], [x, y, 1], ...hidden), keypoints: limb }));
    for (const [x, y] of [
      [-1, 10],
      [30, 10],
      [10, -3],
      [10, 20],
      [Number.NaN, 10],
      [Infinity, 10],
      [1e30, -1e30],
    ] as const) {
      const rows = draw(x, y);
      expect(rows[10]![10], `${x}, ${y}`).to.equal(255);
      expect([rows[10]![5], rows[10]![15], rows[5]![10], rows[15]![10]], `${x}, ${y}`).to.deep.equal([0, 0, 0, 0]);
    }
    expect(draw(19, 10)[10]![15]).to.equal(255);
  });

  it('are on top of each other in their order, and leave the image as it is', () => {
    const image = black(12, 12);
    const two = poseOf([2, 6, 1], [9, 6, 1], ...hidden, ...hidden, [6, 2, 1], [6, 9, 1]);
    const drawn = drawPoses(image, { ...two, keypoints: limb }, { lineWidth: 3, pointRadius: 0 });
    const at = (x: number, y: number) => [...drawn.data.subarray(4 * (12 * y + x), 4 * (12 * y + x) + 3)];
    expect(at(4, 6)).to.deep.equal([0, 255, 0]);
    expect(at(6, 3)).to.deep.equal([0, 128, 255]);
    expect(at(6, 6)).to.deep.equal([0, 255, 0]);
    expect(unlike(image, black(12, 12))).to.equal(0);
  });

  it('look as kept: three persons, one before another and without a leg, one cut by the border', () => {
    // biome-ignore format: head, arms, legs
    const body = [
      [50, 10], [54, 7], [46, 7], [58, 10], [42, 10],
      [65, 28], [35, 28], [74, 45], [28, 46], [80, 62], [20, 60],
      [60, 60], [40, 60], [62, 82], [38, 82], [63, 104], [36, 103],
    ] as const;
    const persons = [
      { left: 60, top: 45, size: 1, lost: [14, 16] },
      { left: 60, top: -8, size: 1.7, lost: [] },
      { left: -6, top: 95, size: 0.6, lost: [] },
    ];
    const places = persons.flatMap(({ left, top, size, lost }) =>
      body.map(([x, y], k) => [left + size * x, top + size * y, lost.some((one) => one === k) ? 0.2 : 0.8] as const),
    );
    expectOverlay(
      'poses',
      drawPoses(landscape({ width: 200, height: 170 }), { ...poseOf(...places), keypoints: cocoKeypoints }),
    );
  });

  it('are refused if arrays or pairs do not fit', () => {
    const image = black(4, 4);
    const draw = (points: number, scores: number, keypoints = limb) =>
      expect(() =>
        drawPoses(image, { points: new Float32Array(points), pointScores: new Float32Array(scores), keypoints }),
      );
    draw(6, 3).to.throw(ShapeError, '3 points and 3 scores are not those of poses with 4 keypoints each');
    draw(8, 8).to.throw(ShapeError, '4 points and 8 scores');
    draw(8, 4, { ...limb, skeleton: [[0, 4]] }).to.throw(ShapeError, 'the pair 0-4 names no keypoint');
    draw(0, 0, { names: [], skeleton: [], flipPairs: [] }).to.throw(ShapeError, '0 keypoints');
    expect(unlike(drawPoses(image, { ...poseOf(), keypoints: limb }), image)).to.equal(0);
  });
});
