import { resolve, sep } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { outputStems } from '../../src/cli/outputs.ts';

describe('stems of outputs', () => {
  it('keep folders, and names of every kind that all file systems take', () => {
    expect(
      outputStems(['a/b.jpg', '-rf.png', 'é #%~.png', '.hidden.png', 'x', '😀.jpg', "it's (1).jpg"]),
    ).to.deep.equal(['a/b', '-rf', 'é #%~', '.hidden', 'x', '😀', "it's (1)"]);
  });

  it('lead nowhere, whatever the name says', () => {
    const names = ['../x.png', '/etc/passwd', 'a/../../b.png', '.', '..', '', 'file:///etc/passwd', 'a\\..\\b.png'];
    expect(outputStems(names)).to.deep.equal([
      ...['_/x', 'etc/passwd', 'a/_/_/b', '_', '_-2', '_-3', 'file_/etc/passwd', sep === '/' ? 'a_.._b' : 'a/_/b'],
    ]);
  });

  it('are no devices, hold no controls and end as they look', () => {
    const names = ['CON', 'nul.png', 'con.tar.gz', 'a\u0000.png', '\u202egnp.exe', 'x./y .png', '<b>|*.png'];
    expect(outputStems(names)).to.deep.equal(['_CON', '_nul', '_con.tar', 'a_', '_gnp', 'x_/y_', '_b___']);
  });

  it('differ for inputs that differ in extension, in case, or in the form of an accent', () => {
    expect(outputStems(['a.jpg', 'a.png'])).to.deep.equal(['a.jpg', 'a.png']);
    expect(outputStems(['A.png', 'a.png'])).to.deep.equal(['A.png', 'a.png-2']);
    expect(outputStems(['e\u0301.png', '\u00e9.png'])).to.deep.equal(['e\u0301.png', '\u00e9.png-2']);
    // an input may have the name that a number would make
    expect(outputStems(['a.x', 'A.x', 'a.x-2.y'])).to.deep.equal(['a.x', 'A.x-3', 'a.x-2']);
  });

  it('leave room for what is put behind, and cut between characters', () => {
    const [stem] = outputStems([`${'😀'.repeat(100)}.png`], 64);
    expect(stem).to.equal('😀'.repeat(47)); // 188 of 191 bytes
  });

  it('are one for each input, inside the folder and not too long, for any names', () => {
    const name = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 300 }),
      fc.string({ unit: fc.constantFrom('a', 'A', '.', '/', '\\', ' ', 'é', '-', '2') }),
    );
    const property = fc.property(fc.array(name, { maxLength: 8 }), (names) => {
      const stems = outputStems(names, 64);
      expect(stems).to.have.length(names.length);
      const paths = stems.map((stem) => resolve('/out', stem));
      expect(new Set(paths.map((path) => path.normalize('NFC').toLowerCase())).size).to.equal(names.length);
      for (const path of paths) {
        expect(path.startsWith(`${resolve('/out')}${sep}`), path).to.equal(true);
        for (const part of path.split(sep)) expect(Buffer.byteLength(part), path).to.be.at.most(255);
        expect(Buffer.byteLength(path.split(sep).at(-1)!)).to.be.at.most(191);
      }
    });
    fc.assert(property, { numRuns: 500, seed: 1 });
  });
});
