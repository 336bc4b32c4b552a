import { expect } from 'chai';
import fc from 'fast-check';
import { regionLevels, sortByLevel, toBoxOrder } from '../../src/postprocess/roi_align.ts';
import { boxes } from './arbitraries.ts';

describe('region levels', () => {
  it('double with the side, from the finest scale on, and end at both ends', () => {
    const sides = [0, 10, 55, 56, 111, 112, 223, 224, 447, 448, 5000];
    const levels = regionLevels(Float32Array.from(sides.flatMap((side) => [0, 0, side, side])), {
      finestScale: 56,
      levels: 4,
    });
    expect([...levels]).to.deep.equal([0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it('go by area, not by the longer side', () => {
    expect([...regionLevels(Float32Array.of(0, 0, 224, 14), { finestScale: 28, levels: 4 })]).to.deep.equal([1]);
  });
});

describe('regions by level', () => {
  it('name their image, and levels may be empty', () => {
    const { regions, order } = sortByLevel(Float32Array.of(0, 0, 8, 8, 1, 1, 2, 2), { finestScale: 2, levels: 3 }, 1);
    expect(regions.map(({ shape }) => shape)).to.deep.equal([
      [1, 5],
      [0, 5],
      [1, 5],
    ]);
    expect([...regions[0]!.data]).to.deep.equal([1, 1, 1, 2, 2]);
    expect([...regions[2]!.data]).to.deep.equal([1, 0, 0, 8, 8]);
    expect([...order]).to.deep.equal([1, 0]);
  });

  it('find back to the order of the boxes', () => {
    fc.assert(
      fc.property(boxes({ maxLength: 20 }), (all) => {
        const { regions, order } = sortByLevel(all, { finestScale: 4, levels: 3 });
        const data = Float32Array.from(regions.flatMap((level) => [...level.data]));
        const rows = toBoxOrder({ shape: [all.length / 4, 5], data }, order);
        expect([...rows.data.filter((_, i) => i % 5 > 0)]).to.deep.equal([...all]);
      }),
    );
  });
});
