import { expect } from 'chai';
import { runCase } from './harness/corpus/case.ts';
import { corpusCases, corpusFolder, isMeasured } from './harness/corpus/manifest.ts';
import { run } from './harness/corpus/run.ts';

describe('the corpus of bad files', () => {
  const folder = corpusFolder();
  if (!folder) {
    it('is missing: set MOGANET_CORPUS to its folder');
    return;
  }
  const cases = corpusCases(folder).filter((entry) => !isMeasured(entry));
  for (const kind of new Set(cases.map((entry) => entry.kind))) {
    it(`passes every case of ${kind} that must pass, and nine tenths of those that should`, async function () {
      this.timeout(300_000);
      const should = { passed: 0, all: 0 };
      let supported = 0;
      for (const entry of cases.filter((one) => one.kind === kind)) {
        const outcome = await run(entry, folder);
        if (typeof outcome === 'string') continue;
        supported++;
        if (entry.level === 'must') {
          expect(outcome.passed, `${entry.file} (${entry.wrong}): ${outcome.text}`).to.equal(true);
        } else {
          should.all++;
          if (outcome.passed) should.passed++;
        }
      }
      if (supported === 0) this.skip(); // files of this kind are not read yet
      expect(should.passed).to.be.at.least(0.9 * should.all);
    });
  }
});

describe('the comparison of a case with its entry', () => {
  const entry = {
    file: 'errors.test.ts',
    kind: 'none',
    class: '',
    wrong: '',
    level: 'must',
    max_seconds: 0.05,
    max_rss_growth_mb: 1,
  } as const;
  const folder = new URL('.', import.meta.url).pathname;
  const reading = (load: () => Promise<string>, expect_: 'accept' | 'reject' | 'either') =>
    runCase(
      { load, difference: async (value) => (value === 'right' ? undefined : value) },
      { ...entry, expect: expect_ },
      folder,
    );

  it('passes files that are read rightly, and fails those that differ, are late or must be refused', async () => {
    expect(await reading(async () => 'right', 'accept')).to.include({ passed: true, text: 'read', accepted: true });
    expect(await reading(async () => 'wrong', 'either')).to.include({ passed: false, text: 'wrong' });
    expect(await reading(async () => 'right', 'reject')).to.include({ passed: false, accepted: true });
    const late = await reading(() => new Promise((resolve) => setTimeout(resolve, 80, 'right')), 'accept');
    expect(late.text).to.match(/^took 0\.\d s, allowed are 0\.05$/);
  });
});
