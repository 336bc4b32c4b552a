import { expect } from 'chai';
import { fuzzCheckpoints } from '../support/fuzz_checkpoints.ts';

describe('mutated checkpoints', () => {
  for (const reader of ['torch', 'legacy', 'safetensors'] as const) {
    it(`are read or refused by a typed error: ${reader}`, async () => {
      const { read, refused, slowest } = await fuzzCheckpoints(reader, 1500, 1);
      // some mutations fall on data that no checksum covers; most must be noticed
      expect(read + refused).to.equal(1500);
      expect(refused).to.be.above(750);
      expect(slowest).to.be.below(2000);
    });
  }
});
