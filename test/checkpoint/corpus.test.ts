import { join } from 'node:path';
import { expect } from 'chai';
import { checkpointCorpus, corpusFolder, runCheckpointCase } from '../support/corpus_checkpoints.ts';

describe('the corpus of bad checkpoints', () => {
  const folder = corpusFolder();
  if (!folder) {
    it('is not here: set MOGANET_CORPUS to its folder');
    return;
  }
  for (const entry of checkpointCorpus(folder)) {
    it(`${entry.file}: ${entry.wrong} (${entry.expect})`, async () => {
      const outcome = await runCheckpointCase(join(folder, entry.file), entry);
      expect(outcome.passed, outcome.text).to.equal(true);
    });
  }
});
