import { expect } from 'chai';
import { poolingMatrix } from '../../src/engines/shape_dependent.ts';

describe('poolingMatrix', () => {
  const rowsOf = (bins: number, extent: number) => {
    const { data } = poolingMatrix(bins, extent);
    return Array.from({ length: bins }, (_, i) => [...data.subarray(i * extent, (i + 1) * extent)]);
  };

  it('takes the mean of each bin', () => {
    expect(rowsOf(2, 4)).to.deep.equal([
      [0.5, 0.5, 0, 0],
      [0, 0, 0.5, 0.5],
    ]);
  });

  it('lets neighbours share the pixel between them', () => {
    expect(rowsOf(2, 3)).to.deep.equal([
      [0.5, 0.5, 0],
      [0, 0.5, 0.5],
    ]);
  });

  it('repeats pixels where the bins outnumber them', () => {
    expect(rowsOf(3, 2)).to.deep.equal([
      [1, 0],
      [0.5, 0.5],
      [0, 1],
    ]);
  });

  it('is the identity for as many bins as pixels', () => {
    expect(rowsOf(3, 3)).to.deep.equal([
      [1, 0, 0],
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });
});
