import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { fuzz } from './harness/fuzz/index.ts';
import { readers } from './harness/fuzz/readers.ts';
import { watchedFuzz } from './harness/fuzz/watch.ts';
import { mutated, randomFrom } from './harness/mutations.ts';

describe('changed and random files', () => {
  for (const [name, fuzzer] of Object.entries(readers)) {
    it(`are read rightly or refused with a typed error: ${name}`, async () => {
      const { read, refused, slowest } = await fuzz(fuzzer, { seed: 1, count: 1500 });
      expect(read + refused).to.equal(1500);
      // some changes do not matter, or fall on data without a checksum; most must be noticed
      expect(read, 'read').to.be.above(5);
      expect(refused, 'refused').to.be.above(750);
      expect(slowest.milliseconds, `input ${slowest.input}`).to.be.below(2000);
    });
  }

  it('are the same for the same seed, whichever were made before', () => {
    const { png } = readers;
    expect(png.input(7, 3)).to.deep.equal(png.input(7, 3));
    expect(png.input(7, 3)).to.not.deep.equal(png.input(8, 3));
    const bytes = Uint8Array.from({ length: 50 }, (_, i) => i);
    const some = Array.from({ length: 200 }, (_, seed) => mutated(bytes, randomFrom(seed)));
    expect(new Set(some.map(String)).size).to.be.above(190);
    expect(bytes).to.deep.equal(Uint8Array.from({ length: 50 }, (_, i) => i));
  });
});

describe('the watch of a reader', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-fuzz-'));
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('finds a hang, a wrong value and an untyped error, keeps their inputs and continues', async () => {
    const module = new URL('./harness/fuzz/faulty.ts', import.meta.url);
    const options = { reader: 'faulty', seed: 5, count: 6, seconds: 0.3, folder, module };
    const { findings, read, refused } = await watchedFuzz(options);
    const file = (i: number) => join(folder, `fuzz-faulty-5-${i}.bin`);
    expect(findings).to.have.length(3);
    expect(findings[0]).to.equal(`input 1 of seed 5: no end after 0.3 s\n    written to ${file(1)}`);
    expect(findings[1]).to.match(/^input 2 of seed 5: an error that is not a refusal: TypeError: oops/);
    expect(findings[2]).to.match(/^input 4 of seed 5: a wrong value: it is 4\n/);
    expect([read, refused]).to.deep.equal([2, 1]);
    expect([...readFileSync(file(4))]).to.deep.equal([4]);
    expect(existsSync(file(3))).to.equal(false);
  });
});
