import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { inputChoiceOf } from '../../src/cli/run_options.ts';
import { inputSizeOrName, namedSizes, type SizeName, scalesAt } from '../../src/cli/sizes.ts';

describe('names of --size', () => {
  const names = Object.keys(namedSizes) as SizeName[];

  it('stand beside height and width', () => {
    for (const name of names) {
      expect(inputSizeOrName(name)).to.equal(name);
      expect(inputSizeOrName(name.toUpperCase())).to.equal(name);
    }
    expect(inputSizeOrName('800x1280')).to.deep.equal({ height: 800, width: 1280 });
    expect(inputSizeOrName('320')).to.deep.equal({ height: 320, width: 320 });
  });

  it('are listed for a word that is none, with the nearest', () => {
    for (const text of ['smal', 'large', 'toString', 'x', 'größer']) {
      expect(() => inputSizeOrName(text), text).to.throw(/800x1280.*medium \(0\.75\), small \(0\.6\)/);
    }
    expect(() => inputSizeOrName('smal')).to.throw(/Did you mean "small"/);
    expect(() => inputSizeOrName('gigantic')).to.throw(/^(?!.*Did you mean)/);
  });

  it('do not change what is said of a number', () => {
    for (const text of ['0', '4by5', '', '-1']) expect(() => inputSizeOrName(text), text).to.throw(/height×width/);
    expect(() => inputSizeOrName('16384')).to.throw(/ 67108864 pixels/);
  });

  it("are scales of the configuration's size, which --scales are factors of", () => {
    expect(inputChoiceOf({ size: 'small' })).to.deep.include({ size: undefined, scales: [0.6] });
    expect(inputChoiceOf({ size: 'medium', scales: [0.5, 1, 2], flip: true })).to.deep.include({
      size: undefined,
      scales: [0.375, 0.75, 1.5],
      flip: true,
    });
    expect(scalesAt('small', [0.75])).to.deep.equal([0.45]); // not 0.44999999999999996, of which 640 pixels are 287
    const size = { height: 3, width: 4 };
    expect(inputChoiceOf({ size })).to.deep.include({ size, scales: undefined });
    expect(inputChoiceOf({ size, scales: [2] })).to.deep.include({ size, scales: [2] });
  });

  it('refuse scales that the library would refuse, with those that it takes', () => {
    for (const name of names) {
      const least = Math.ceil(10 / namedSizes[name]) / 100;
      expect(() => scalesAt(name, [1, 0.1])).to.throw(`--scales takes numbers from ${least} with it, got 0.1`);
      expect(() => scalesAt(name, [least, 10])).not.to.throw();
    }
  });

  it('are in the table of docs/modes.md', () => {
    const page = readFileSync(new URL('../../docs/modes.md', import.meta.url), 'utf8');
    for (const [name, factor] of Object.entries(namedSizes)) {
      expect(page).to.match(new RegExp(`\\| \`--size ${name}\` \\| ${String(factor).replace('.', '\\.')} \\|`));
    }
  });
});
