import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { backbones } from 'moganet';

describe('samples/swap_backbone.ts', () => {
  it('runs one Mask R-CNN on every backbone of the table', () => {
    const sample = new URL('../../samples/swap_backbone.ts', import.meta.url).pathname;
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', sample, '96'], {
      encoding: 'utf8',
    });
    expect(status, stderr).to.equal(0);
    const rows = stdout.trimEnd().split('\n').slice(2);
    expect(rows.map((row) => row.split(' ')[0])).to.have.members(Object.keys(backbones));
    for (const row of rows) expect(row).to.match(/^\w+ +(\d+ at \d+, ){3}\d+ at 32 +\d+\.\d M +\d+\.\d G +\d+$/);
  });
});
