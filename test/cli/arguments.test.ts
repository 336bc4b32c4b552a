import { expect } from 'chai';
import { threadsNotice } from '../../src/cli/arguments.ts';

describe('--threads', () => {
  it('prints the number of threads if more are requested', () => {
    expect(threadsNotice(64, 'onnxruntime', 2)).to.match(/^--threads 64: .* 2\b/);
  });

  it('tells that the other engines have one thread', () => {
    expect(threadsNotice(2, 'wasm', 8)).to.match(/^--threads 2 .*wasm has one thread/);
    expect(threadsNotice(9, 'cpu', 8)).to.match(/^--threads 9 .*cpu has one thread/);
  });

  it('prints nothing if the number is as requested', () => {
    for (const asked of [undefined, 1, 2]) expect(threadsNotice(asked, 'onnxruntime', 2)).to.equal(undefined);
    for (const asked of [undefined, 1]) expect(threadsNotice(asked, 'wasm', 2)).to.equal(undefined);
  });
});
