import { expect } from 'chai';
import { corpusCases, corpusFolder, isMeasured } from './harness/corpus/manifest.ts';
import { run } from './harness/corpus/run.ts';

describe('bombs of the corpus', () => {
  const folder = corpusFolder();
  if (!folder) {
    it('need the corpus: set MOGANET_CORPUS to its folder');
    return;
  }
  for (const entry of corpusCases(folder).filter(isMeasured)) {
    it(`${entry.file} stays within ${entry.max_seconds} s and ${entry.max_rss_growth_mb} MB`, async () => {
      const outcome = await run(entry, folder);
      if (typeof outcome === 'string') throw new Error(outcome);
      expect(outcome.passed, outcome.text).to.equal(true);
    });
  }
});
