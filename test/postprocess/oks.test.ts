import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { type ComparedPoses, oksMatrix, oksNms, poseScores, softOksNms } from '../../src/postprocess/oks.ts';

/** Poses of two keypoints, at (x, 0) and (x, 10), with an area of 100. */
function posesAt(...places: readonly number[]): ComparedPoses {
  return {
    points: Float32Array.from(places.flatMap((x) => [x, 0, x, 10])),
    areas: places.map(() => 100),
  };
}

const sigmas = [0.5, 0.25];

/** OKS of two of them: variances (2 · 0.5)² and (2 · 0.25)², d² / variance / 100 / 2. */
const similarity = (d: number): number => (Math.exp(-(d * d) / 200) + Math.exp(-(d * d) / 50)) / 2;

describe('object keypoint similarity', () => {
  it('is the mean over all keypoints of a Gaussian of their distance', () => {
    const matrix = oksMatrix(posesAt(0, 3, 40), sigmas);
    expect(matrix[0]).to.equal(1);
    expect(matrix[1]).to.be.closeTo(similarity(3), 1e-12);
    expect(matrix[2]).to.be.closeTo(similarity(40), 1e-12);
    expect(matrix[5]).to.be.closeTo(similarity(37), 1e-12);
    expect([matrix[3], matrix[6]]).to.deep.equal([matrix[1], matrix[2]]);
  });

  it('divides by the mean of both areas', () => {
    const poses = { points: posesAt(0, 3).points, areas: [50, 150] };
    expect(oksMatrix(poses, sigmas)[1]).to.be.closeTo(similarity(3), 1e-12);
    const points = { points: posesAt(0, 3).points, areas: [0, 0] };
    expect([...oksMatrix(points, sigmas)]).to.deep.equal([1, 0, 0, 1]);
  });

  it('suppresses what is more similar than the threshold, best first', () => {
    const poses = posesAt(0, 3, 40, 1);
    const scores = [0.5, 0.9, 0.1, 0.7];
    // 1 (at 3) is best and takes 3 (at 1) and 0 (at 0) with it
    expect([...oksNms(poses, scores, { threshold: 0.5, sigmas })]).to.deep.equal([1, 2]);
    // 3 is suppressed by 1; 0 is less similar to 1, and 3 does not count
    expect([...oksNms(poses, scores, { threshold: 0.91, sigmas })]).to.deep.equal([1, 0, 2]);
    expect([...oksNms(poses, scores, { threshold: 1, sigmas })]).to.deep.equal([1, 3, 0, 2]);
  });

  it('keeps the lower index if scores are equal, and equal poses at a threshold of 1', () => {
    const poses = posesAt(7, 7, 7);
    expect([...oksNms(poses, [0.5, 0.5, 0.5], { threshold: 0.9, sigmas })]).to.deep.equal([0]);
    expect([...oksNms(poses, [0.5, 0.6, 0.5], { threshold: 1, sigmas })]).to.deep.equal([1, 0, 2]);
    expect([...oksNms(posesAt(), [], { threshold: 0.9, sigmas })]).to.deep.equal([]);
  });

  it('suppresses tens of thousands of poses without a matrix of them all', () => {
    const count = 60_000; // whose matrix would be 29 GB
    const poses = { points: new Float32Array(4 * count), areas: new Float32Array(count).fill(100) };
    expect([...oksNms(poses, new Float32Array(count), { threshold: 0.9, sigmas })]).to.deep.equal([0]);
  });

  it('lets scores sink instead: only the order changes', () => {
    const poses = posesAt(0, 1, 40);
    const scores = [0.9, 0.8, 0.5];
    // 0.8 · exp(-similarity(1)² / 0.9) = 0.27 comes after 0.5
    expect([...softOksNms(poses, scores, { threshold: 0.9, sigmas })]).to.deep.equal([0, 2, 1]);
    expect([...softOksNms(poses, scores, { threshold: 0.9, sigmas, max: 2 })]).to.deep.equal([0, 2]);
    expect(scores).to.deep.equal([0.9, 0.8, 0.5]);
    const many = posesAt(...Array.from({ length: 30 }, (_, i) => 100 * i));
    const kept = softOksNms(
      many,
      Array.from({ length: 30 }, (_, i) => i),
      { threshold: 0.9, sigmas },
    );
    expect([...kept]).to.deep.equal(Array.from({ length: 20 }, (_, i) => 29 - i));
  });

  it('is refused by name if arrays do not fit or a value is not finite', () => {
    const poses = posesAt(0, 1);
    expect(() => oksMatrix(poses, [0.1])).to.throw(ShapeError, '2 poses of 1 keypoints need 4 coordinates, got 8');
    expect(() => oksMatrix({ points: Float32Array.of(0, 0, Number.NaN, 0), areas: [1] }, sigmas)).to.throw(
      RangeError,
      'value 2 of points is NaN',
    );
    const options = { threshold: 0.9, sigmas };
    expect(() => oksNms(poses, [1], options)).to.throw(ShapeError, '2 poses have 1 scores');
    expect(() => softOksNms(poses, [1, Number.NaN], options)).to.throw(RangeError, 'value 1 of scores is NaN');
    expect(() => oksNms({ ...poses, areas: [1, Number.NaN] }, [1, 2], options)).to.throw(RangeError, 'areas is NaN');
    expect(() => oksNms(poses, [1, 2], { threshold: 0, sigmas })).to.throw(RangeError, 'the threshold is 0');
  });
});

describe('the score of a pose', () => {
  const pointScores = Float32Array.of(0.5, 0.1, 1, 0.125, 0, 0);

  it('is that of the box times the mean of the keypoints that are seen', () => {
    expect([...poseScores(pointScores, [0.5, 0.8])]).to.deep.equal([0.375, 0]);
    expect([...poseScores(pointScores, [0.5, 0.8], { visible: 0.5 })]).to.deep.equal([0.5, 0]);
    expect([...poseScores(pointScores, [0.5, 0.8], { visible: 0.12 })]).to.deep.equal([0.375, 0.1]);
  });

  it('is the sum of box, mean and maximum for residual log-likelihood', () => {
    const [first, second] = poseScores(Float32Array.of(0.5, 0.25, 0, 0.25), [0.5, 1], { method: 'rle' });
    expect([first, second]).to.deep.equal([0.5 + 0.375 + 0.5, 1 + 0.125 + 0.25]);
  });

  it('is refused if the arrays do not fit or a value is not finite', () => {
    expect(() => poseScores(pointScores, [1, 1, 1, 1])).to.throw(
      ShapeError,
      '6 scores of keypoints do not belong to 4',
    );
    expect(() => poseScores(pointScores, [])).to.throw(ShapeError, 'do not belong to 0');
    expect(() => poseScores(pointScores, [1, Infinity])).to.throw(RangeError, 'value 1 of boxScores');
    expect(() => poseScores(Float32Array.of(Number.NaN), [1])).to.throw(RangeError, 'value 0 of pointScores');
  });
});
