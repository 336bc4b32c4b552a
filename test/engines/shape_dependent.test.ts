import { expect } from 'chai';
import fc from 'fast-check';
import {
  biasRows,
  poolingMatrix,
  windowAreas,
  windowPositions,
  windowTokens,
} from '../../src/engines/shape_dependent.ts';

describe('windows', () => {
  const row = { height: 1, width: 5 };

  it('are cut row by row from a map that is padded to them', () => {
    // 0 1 | 2 .   two windows across, of which the second is half padding; 6 is one past the last pixel
    // 3 4 | 5 .
    const size = { height: 2, width: 3 };
    const windows = { window: 2, shift: 0, padding: 'first' } as const;
    expect([...windowTokens(windows, size).data]).to.deep.equal([0, 1, 3, 4, 2, 6, 5, 6]);
    expect([...windowPositions(windows, size).data]).to.deep.equal([0, 1, 4, 2, 3, 6]);
  });

  it('that are shifted see the map rolled: padded before, or after', () => {
    // of one row and windows of 3: the second and third row of every window is padding, or the first and second
    const rowOf = (padding: 'first' | 'last', line: number) => {
      const tokens = [...windowTokens({ window: 3, shift: 1, padding }, row).data];
      return [0, 9].flatMap((window) => tokens.slice(window + 3 * line, window + 3 * line + 3));
    };
    expect(rowOf('first', 2)).to.deep.equal([1, 2, 3, 4, 5, 0]); // 0 1 2 3 4 . rolled by one
    expect(rowOf('last', 0)).to.deep.equal([1, 2, 3, 4, 0, 5]); // 0 1 2 3 4 rolled by one, then padded
  });

  it('have areas if the roll brings distant pixels together', () => {
    // columns 0 1 | 2 3 and rows 0 | 1 of windows of 2, shifted by 1: the last window is split both ways
    const { shape, data } = windowAreas({ window: 2, shift: 1, padding: 'first' }, { height: 2, width: 4 });
    expect(shape).to.deep.equal([2, 4]);
    expect([...data]).to.deep.equal([...[3, 3, 6, 6], ...[4, 5, 7, 8]]);
  });

  it('put every pixel at one position, for any size', () => {
    const extent = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(
        fc.record({ height: extent, width: extent }),
        fc.integer({ min: 1, max: 8 }),
        fc.constantFrom('first' as const, 'last' as const),
        (size, window, padding) => {
          const windows = { window, shift: window >> 1, padding };
          const tokens = windowTokens(windows, size).data;
          const positions = windowPositions(windows, size).data;
          const pixels = size.height * size.width;
          expect(tokens.length % window ** 2).to.equal(0);
          expect([...positions].map((position) => tokens[position])).to.deep.equal(
            Array.from({ length: pixels }, (_, i) => i),
          );
          expect([...tokens].filter((token) => token === pixels)).to.have.length(tokens.length - pixels);
        },
      ),
      { seed: 7, numRuns: 100 },
    );
  });

  it('take the bias of a pair from the row of its distance', () => {
    // distances −1, 0, 1 down and across make a table of 3 × 3; a position and itself are its middle
    expect([...biasRows(2)]).to.deep.equal([...[4, 3, 1, 0], ...[5, 4, 2, 1], ...[7, 6, 4, 3], ...[8, 7, 5, 4]]);
  });
});

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

  it('repeats pixels if there are more bins than pixels', () => {
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
