import { expect } from 'chai';
import { readBoxes } from '../../src/models/boxes.ts';

describe('boxes of callers', () => {
  const box = [10, 20, 30, 60];
  const plain = { boxes: Float64Array.from(box), scores: Float64Array.of(1) };

  const forms: readonly [what: string, value: unknown][] = [
    ['lists', [box]],
    ['typed arrays', [Float32Array.from(box)]],
    ['arrays of a result', { boxes: Float32Array.from(box), scores: Float32Array.of(1) }],
    ['lists with scores', { boxes: box, scores: [1] }],
    ['a list with other properties', Object.assign([box], { boxes: 5, scores: 'x' })],
  ];
  for (const [what, value] of forms) {
    it(`are read from ${what}`, () => {
      expect(readBoxes(value)).to.deep.equal(plain);
    });
  }

  it('are a copy', () => {
    const boxes = Float64Array.from(box);
    const read = readBoxes({ boxes, scores: [1] });
    boxes.fill(0);
    expect(read).to.deep.equal(plain);
  });

  it('are read once, so that a getter cannot change what was checked', () => {
    let reads = 0;
    const changing = {
      get boxes() {
        return reads++ === 0 ? box : [0, 0, Number.NaN, 5];
      },
      scores: [1],
    };
    expect(readBoxes(changing)).to.deep.equal(plain);
  });

  const sparse = [1, 2, 9, 9];
  delete sparse[2];
  const refused: readonly [what: string, value: unknown, text: string][] = [
    ['a hole in a box', [box, sparse], '[1] is not one'],
    ['holes that leave a multiple of four numbers', [sparse, sparse, sparse, sparse], '[0] is not one'],
    ['a hole in the list', Object.assign(new Array(2), { 0: box }), '[1] is not one'],
    ['a hole in the scores', { boxes: box, scores: new Array(1) }, '`scores`, a finite number for each of the 1'],
    ['a score beyond float32', { boxes: box, scores: [1e39] }, '`scores`'],
    ['whole numbers of 64 bits', { boxes: BigInt64Array.of(0n, 0n, 5n, 5n), scores: [1] }, '`boxes` of four finite'],
    ['a view of bytes', { boxes: new DataView(new ArrayBuffer(4)), scores: [1] }, '`boxes` of four finite'],
    ['text', [['0', '0', '5', '5']], '[0] is not one'],
    ['nothing', null, 'must be a list of boxes'],
  ];
  for (const [what, value, text] of refused) {
    it(`are refused: ${what}`, () => {
      expect(readBoxes(value)).to.be.a('string').that.includes(text);
    });
  }
});
