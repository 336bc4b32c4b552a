import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const child = fileURLToPath(new URL('../harness/large_image.ts', import.meta.url));

/** Segments an image in a process of its own. */
async function memoryOf(mode: 'tiles' | 'slide', height: number, width: number) {
  const words = ['--import', 'tsx', child, mode, `${height}`, `${width}`];
  const { stdout } = await promisify(execFile)(process.execPath, words);
  return JSON.parse(stdout) as { readonly own: number; readonly above: number; readonly pixels: number };
}

/** Measured: 433 (slide) and 325 (tiles). Node collects its garbage when it likes. */
const most = 550;

describe('memory of windows', () => {
  for (const mode of ['tiles', 'slide'] as const) {
    it(`takes at most ${most} MB above the network for 6000×4000 pixels and 150 classes (${mode})`, async function () {
      this.timeout(600_000);
      const { above, pixels } = await memoryOf(mode, 4000, 6000);
      expect(pixels).to.equal(24_000_000);
      expect(above).to.be.below(most);
    });
  }
});
