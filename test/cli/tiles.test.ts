import { expect } from 'chai';
import { Command } from 'commander';
import { addTileOptions, leastTile, type TileWords, tilesFrom } from '../../src/cli/tiles.ts';
import { checkPredict } from '../../src/library/options.ts';
import { leastTile as leastTileOfLibrary } from '../../src/models/task.ts';

/** Reads the words of a command line. Faults are thrown. */
function tilesOf(...words: readonly string[]) {
  const command = addTileOptions(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  return tilesFrom(command.parse(words, { from: 'user' }).opts<TileWords>());
}

describe('--tiles', () => {
  it('become the option of the library, which accepts it', () => {
    expect(tilesOf()).to.equal(undefined);
    const all = [
      '--tile-overlap',
      '0.3',
      '--tile-merge',
      'nms',
      '--tile-iou',
      '0.6',
      '--tile-blend',
      'hann',
      '--tile-edges',
      'keep',
    ];
    const tiles = tilesOf('--tiles', '512x640', ...all, '--no-tile-whole');
    const size = { height: 512, width: 640 };
    expect(tiles).to.deep.equal({
      size,
      overlap: 0.3,
      whole: false,
      edges: 'keep',
      merge: 'nms',
      iou: 0.6,
      blend: 'hann',
    });
    expect(checkPredict({ tiles }, 'predict').tiles).to.deep.equal(tiles);
    expect(checkPredict({ tiles: tilesOf('--tiles', '640') }, 'predict').tiles).to.include.keys('size');
  });

  it('have the limits of the library', () => {
    expect(leastTile).to.equal(leastTileOfLibrary);
    expect(() => tilesOf('--tiles', '31')).to.throw(/at least 32/);
    expect(() => tilesOf('--tiles', '20000')).to.throw(/at most 16384/);
    expect(() => tilesOf('--tiles', '640', '--tile-overlap', '0.95')).to.throw(/0 to 0\.9/);
  });

  it('are needed by what is said about them', () => {
    expect(() => tilesOf('--tile-overlap', '0.3', '--no-tile-whole')).to.throw(
      /--tile-overlap and --no-tile-whole needs? --tiles/,
    );
  });
});
