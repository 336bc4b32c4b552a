import { expect } from 'chai';
import {
  heightByWidth,
  inputSize,
  longestEdge,
  scaleLimits,
  scaleList,
  threadsNotice,
} from '../../src/cli/arguments.ts';
import { leastScale, longestEdge as longestEdgeOfLibrary, mostScales } from '../../src/models/task.ts';

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

describe('--size', () => {
  it('is refused where the library would refuse every image, and the message names the limit', () => {
    expect(longestEdge).to.equal(longestEdgeOfLibrary);
    expect(inputSize('16384x1')).to.deep.equal({ height: 16384, width: 1 });
    for (const text of ['60000x1', '1x16385', '100000']) expect(() => inputSize(text), text).to.throw(/ 16384 pixels/);
    expect(() => inputSize('16384')).to.throw(/ 67108864 pixels/);
    expect(heightByWidth('60000x1').height).to.equal(60000);
    expect(() => heightByWidth('100000')).to.throw(/ 99999 pixels/);
  });
});

describe('--scales', () => {
  it('reads factors with commas between them', () => {
    expect(scaleList('0.75,1, 1.25')).to.deep.equal([0.75, 1, 1.25]);
    expect(scaleList('2')).to.deep.equal([2]);
  });

  it('is refused where the library would refuse every image, and the message names the limits', () => {
    expect(scaleLimits).to.deep.equal({ least: leastScale, most: 1 / leastScale, count: mostScales });
    for (const text of ['', '1,', '0', '-1', 'x', '11', 'NaN', '1,1,1,1,1,1,1,1,1']) {
      expect(() => scaleList(text), text).to.throw(/1 to 8 numbers from 0\.1 to 10/);
    }
  });
});
