import { expect } from 'chai';
import { bytesSource, metaOf, openCheckpoint, tensorsOf } from '../../src/formats/index.ts';
import { hostileFiles } from '../harness/hostile_pickles.ts';
import { refusalOf } from '../harness/rejection.ts';

async function readAll(bytes: Uint8Array): Promise<number> {
  const checkpoint = await openCheckpoint(bytesSource(bytes, 'hostile.pth'));
  metaOf(checkpoint);
  const tensors = tensorsOf(checkpoint);
  for (const { entry } of tensors) await entry.read();
  return tensors.length;
}

describe('a small file that asks for much', () => {
  for (const { what, bytes, isRead } of hostileFiles) {
    it(`is ${isRead ? 'read past it' : 'refused'} in little time: ${what}`, async () => {
      const file = bytes();
      expect(file.length).to.be.below(150_000);
      const start = performance.now();
      if (isRead) expect(await readAll(file)).to.equal(1);
      else {
        const refusal = await refusalOf(() => readAll(file));
        expect(refusal.code).to.be.oneOf(['limit', 'malformed', 'unsupported']);
        expect(refusal.message.length).to.be.below(500);
      }
      // a second on an idle machine; the faults took a minute, or for ever
      expect(performance.now() - start).to.be.below(4000);
    });
  }
});
