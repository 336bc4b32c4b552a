import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { build } from 'esbuild';
import { hostileFiles } from '../harness/hostile_pickles.ts';

/** The promise: a small hostile file is refused within 200 MB, of which plain node takes 45. Measured in fresh processes. */

const script = `
  import { readFileSync } from 'node:fs';
  import { bytesSource, metaOf, openCheckpoint, tensorsOf } from './src/formats/index.ts';
  import { peakBytes } from './test/harness/peak.ts';
  let outcome = 'read';
  try {
    const checkpoint = await openCheckpoint(bytesSource(readFileSync(process.argv[2]), 'hostile.pth'));
    metaOf(checkpoint);
    for (const { entry } of tensorsOf(checkpoint)) await entry.read();
  } catch (error) {
    outcome = error.code;
  }
  console.log(JSON.stringify({ outcome, peak: peakBytes() / 2 ** 20 }));
`;

describe('the memory of refusing', () => {
  let folder: string;
  let measure: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'moganet-hostile-'));
    measure = join(folder, 'measure.mjs');
    const stdin = { contents: script, resolveDir: new URL('../..', import.meta.url).pathname, loader: 'ts' as const };
    await build({ stdin, outfile: measure, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' });
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const { what, bytes, isRead } of hostileFiles) {
    it(`stays within 200 MB: ${what}`, async () => {
      const path = join(folder, 'hostile.pth');
      await writeFile(path, bytes());
      const args = ['--max-old-space-size=600', measure, path];
      const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 });
      const { outcome, peak } = JSON.parse(stdout) as { outcome: string; peak: number };
      expect(outcome === 'read', outcome).to.equal(isRead);
      expect(peak).to.be.below(200);
    });
  }
});
