import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { oksMatrix, oksNms, type Persons, personScores, softOksNms } from '../../src/postprocess/oks.ts';

/** Persons of two joints, at (x, 0) and (x, 10), with an area of 100. */
function peopleAt(...places: readonly number[]): Persons {
  return {
    points: Float32Array.from(places.flatMap((x) => [x, 0, x, 10])),
    areas: places.map(() => 100),
  };
}

const sigmas = [0.5, 0.25];

/** OKS of two of them: variances (2 · 0.5)² and (2 · 0.25)², d² / variance / 100 / 2. */
const similarity = (d: number): number => (Math.exp(-(d * d) / 200) + Math.exp(-(d * d) / 50)) / 2;

describe('object keypoint similarity', () => {
  it('is the mean over all joints of a Gaussian of their distance', () => {
    const matrix = oksMatrix(peopleAt(0, 3, 40), sigmas);
    expect(matrix[0]).to.equal(1);
    expect(matrix[1]).to.be.closeTo(similarity(3), 1e-12);
    expect(matrix[2]).to.be.closeTo(similarity(40), 1e-12);
    expect(matrix[5]).to.be.closeTo(similarity(37), 1e-12);
    expect([matrix[3], matrix[6]]).to.deep.equal([matrix[1], matrix[2]]);
  });

  it('divides by the mean of both areas', () => {
    const persons = { points: peopleAt(0, 3).points, areas: [50, 150] };
    expect(oksMatrix(persons, sigmas)[1]).to.be.closeTo(similarity(3), 1e-12);
    const points = { points: peopleAt(0, 3).points, areas: [0, 0] };
    expect([...oksMatrix(points, sigmas)]).to.deep.equal([1, 0, 0, 1]);
  });

  it('suppresses what is more similar than the threshold, best first', () => {
    const persons = peopleAt(0, 3, 40, 1);
    const scores = [0.5, 0.9, 0.1, 0.7];
    // 1 (at 3) is best and takes 3 (at 1) and 0 (at 0) with it
    expect([...oksNms(persons, scores, { threshold: 0.5, sigmas })]).to.deep.equal([1, 2]);
    // 3 is suppressed by 1; 0 is less similar to 1, and 3 does not count
    expect([...oksNms(persons, scores, { threshold: 0.91, sigmas })]).to.deep.equal([1, 0, 2]);
    expect([...oksNms(persons, scores, { threshold: 1, sigmas })]).to.deep.equal([1, 3, 0, 2]);
  });

  it('keeps the lower index if scores are equal, and equal persons at a threshold of 1', () => {
    const persons = peopleAt(7, 7, 7);
    expect([...oksNms(persons, [0.5, 0.5, 0.5], { threshold: 0.9, sigmas })]).to.deep.equal([0]);
    expect([...oksNms(persons, [0.5, 0.6, 0.5], { threshold: 1, sigmas })]).to.deep.equal([1, 0, 2]);
    expect([...oksNms(peopleAt(), [], { threshold: 0.9, sigmas })]).to.deep.equal([]);
  });

  it('lets scores sink instead: only the order changes', () => {
    const persons = peopleAt(0, 1, 40);
    const scores = [0.9, 0.8, 0.5];
    // 0.8 · exp(-similarity(1)² / 0.9) = 0.27 comes after 0.5
    expect([...softOksNms(persons, scores, { threshold: 0.9, sigmas })]).to.deep.equal([0, 2, 1]);
    expect([...softOksNms(persons, scores, { threshold: 0.9, sigmas, max: 2 })]).to.deep.equal([0, 2]);
    expect(scores).to.deep.equal([0.9, 0.8, 0.5]);
    const many = peopleAt(...Array.from({ length: 30 }, (_, i) => 100 * i));
    const kept = softOksNms(
      many,
      Array.from({ length: 30 }, (_, i) => i),
      { threshold: 0.9, sigmas },
    );
    expect([...kept]).to.deep.equal(Array.from({ length: 20 }, (_, i) => 29 - i));
  });

  it('is refused by name if arrays do not fit or a value is not finite', () => {
    const persons = peopleAt(0, 1);
    expect(() => oksMatrix(persons, [0.1])).to.throw(ShapeError, '2 persons of 1 joints need 4 coordinates, got 8');
    expect(() => oksMatrix({ points: Float32Array.of(0, 0, Number.NaN, 0), areas: [1] }, sigmas)).to.throw(
      RangeError,
      'value 2 of points is NaN',
    );
    const options = { threshold: 0.9, sigmas };
    expect(() => oksNms(persons, [1], options)).to.throw(ShapeError, '2 persons have 1 scores');
    expect(() => softOksNms(persons, [1, Number.NaN], options)).to.throw(RangeError, 'value 1 of scores is NaN');
    expect(() => oksNms({ ...persons, areas: [1, Number.NaN] }, [1, 2], options)).to.throw(RangeError, 'areas is NaN');
    expect(() => oksNms(persons, [1, 2], { threshold: 0, sigmas })).to.throw(RangeError, 'the threshold is 0');
  });
});

describe('the score of a person', () => {
  const joints = Float32Array.of(0.5, 0.1, 1, 0.125, 0, 0);

  it('is that of the box times the mean of the joints that are seen', () => {
    expect([...personScores(joints, [0.5, 0.8])]).to.deep.equal([0.375, 0]);
    expect([...personScores(joints, [0.5, 0.8], { visible: 0.5 })]).to.deep.equal([0.5, 0]);
    expect([...personScores(joints, [0.5, 0.8], { visible: 0.12 })]).to.deep.equal([0.375, 0.1]);
  });

  it('is the sum of box, mean and maximum for residual log-likelihood', () => {
    const [first, second] = personScores(Float32Array.of(0.5, 0.25, 0, 0.25), [0.5, 1], { method: 'rle' });
    expect([first, second]).to.deep.equal([0.5 + 0.375 + 0.5, 1 + 0.125 + 0.25]);
  });

  it('is refused if the arrays do not fit or a value is not finite', () => {
    expect(() => personScores(joints, [1, 1, 1, 1])).to.throw(ShapeError, '6 scores of joints do not belong to 4');
    expect(() => personScores(joints, [])).to.throw(ShapeError, 'do not belong to 0');
    expect(() => personScores(joints, [1, Infinity])).to.throw(RangeError, 'value 1 of boxScores');
    expect(() => personScores(Float32Array.of(Number.NaN), [1])).to.throw(RangeError, 'value 0 of jointScores');
  });
});
