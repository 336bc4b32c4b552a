import { expect } from 'chai';
import { threadsNotice } from '../../src/cli/arguments.ts';

describe('--threads', () => {
  it('says how many there are where more were asked for', () => {
    expect(threadsNotice(64, 'onnxruntime', 2)).to.equal('--threads 64: this process may use 2, so it takes 2.');
  });

  it('says of the other engines that they have one', () => {
    expect(threadsNotice(2, 'wasm', 8)).to.equal(
      '--threads 2 changes nothing: the engine wasm has one thread in Node.',
    );
    expect(threadsNotice(9, 'cpu', 8)).to.equal('--threads 9 changes nothing: the engine cpu has one thread in Node.');
  });

  it('says nothing where it is as was asked', () => {
    for (const asked of [undefined, 1, 2]) expect(threadsNotice(asked, 'onnxruntime', 2)).to.equal(undefined);
    for (const asked of [undefined, 1]) expect(threadsNotice(asked, 'wasm', 2)).to.equal(undefined);
  });
});
