import { expect } from 'chai';
import { timeParts, totalOf, withRun } from '../../web/panel/timings.ts';
import {
  counted,
  fileWord,
  imageIdOf,
  milliseconds,
  percent,
  pixels,
  scoreText,
  stemOf,
} from '../../web/stage/words.ts';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

describe('numbers in words', () => {
  it('writes parts in per cent', () => {
    expect([0, 0.0004, 0.0123, 0.099, 0.5, 1].map((part) => plain(percent(part)))).to.deep.equal([
      '0 %',
      '< 0.1 %',
      '1.2 %',
      '9.9 %',
      '50 %',
      '100 %',
    ]);
  });

  it('never rounds a score up to 1.00', () => {
    expect([0.999, 1, 0.05, Math.fround(0.3)].map(scoreText)).to.deep.equal(['0.99', '1.00', '0.05', '0.30']);
  });

  it('writes pixels, durations and counts', () => {
    expect(plain(pixels(1234567))).to.equal('1,234,567 px');
    expect([0.31, 84.4, 3512, 12_345].map((ms) => plain(milliseconds(ms)))).to.deep.equal([
      '0.3 ms',
      '84 ms',
      '3.51 s',
      '12.3 s',
    ]);
    expect([counted(1, 'instance'), counted(0, 'instance')]).to.deep.equal(['1 instance', '0 instances']);
  });

  it('names files by the stem of the picture', () => {
    expect(['a/b.c.jpg', 'photo', 'C:\\x\\y.png', '.jpg', ''].map(stemOf)).to.deep.equal([
      'b.c',
      'photo',
      'y',
      'image',
      'image',
    ]);
    expect(['traffic light', '<a/b>', '猫', '//'].map(fileWord)).to.deep.equal([
      'traffic-light',
      'a-b',
      '猫',
      'instance',
    ]);
    expect(imageIdOf('000000000139.jpg')).to.equal(139);
    expect(imageIdOf('house.jpg')).to.equal('house');
  });
});

describe('the parts of the time', () => {
  const timings = { decode: 20, preprocess: 0, features: 90, network: 100, postprocess: 5, waited: 2, total: 125 };

  it('are the stages in their order, with the drawing', () => {
    const parts = timeParts(timings, 8);
    expect(parts.map(({ name }) => name)).to.deep.equal(['decode', 'network', 'postprocess', 'waited', 'draw']);
    expect(totalOf(parts)).to.equal(135);
    expect(timeParts({}, undefined)).to.deep.equal([]);
  });

  it('keep the first run of a model on an engine, and the latest', () => {
    const run = (key: string, ms: number) => ({ key, parts: [{ name: 'network', milliseconds: ms } as const] });
    let history = withRun(undefined, run('a', 1));
    expect(history.warm).to.equal(undefined);
    history = withRun(withRun(history, run('a', 2)), run('a', 3));
    expect([history.cold, history.warm].map((one) => one && totalOf(one.parts))).to.deep.equal([1, 3]);
    history = withRun(history, run('b', 4));
    expect(history).to.deep.equal({ cold: run('b', 4) });
  });
});
