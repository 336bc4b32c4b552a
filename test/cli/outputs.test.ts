import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { outputStems, refuseExisting, writeWhole } from '../../src/cli/outputs.ts';
import { useFolder } from '../harness/command_line.ts';

describe('stems of outputs', () => {
  it('keep folders, and names of every kind that all file systems take', () => {
    expect(
      outputStems(['a/b.jpg', '-rf.png', 'é #%~.png', '.hidden.png', 'x', '😀.jpg', "it's (1).jpg"]),
    ).to.deep.equal(['a/b', '-rf', 'é #%~', '.hidden', 'x', '😀', "it's (1)"]);
  });

  it('stay in the folder for any name', () => {
    const names = ['../x.png', '/etc/passwd', 'a/../../b.png', '.', '..', '', 'file:///etc/passwd', 'a\\..\\b.png'];
    expect(outputStems(names)).to.deep.equal([
      ...['_/x', 'etc/passwd', 'a/_/_/b', '_', '_-2', '_-3', 'file_/etc/passwd', sep === '/' ? 'a_.._b' : 'a/_/b'],
    ]);
  });

  it('are not devices, have no control characters and end as they look', () => {
    const names = ['CON', 'nul.png', 'con.tar.gz', 'a\u0000.png', '\u202egnp.exe', 'x./y .png', '<b>|*.png'];
    expect(outputStems(names)).to.deep.equal(['_CON', '_nul', '_con.tar', 'a_', '_gnp', 'x_/y_', '_b___']);
  });

  it('differ for inputs that differ in extension, in case, or in the form of an accent', () => {
    expect(outputStems(['a.jpg', 'a.png'])).to.deep.equal(['a.jpg', 'a.png']);
    expect(outputStems(['A.png', 'a.png'])).to.deep.equal(['A.png', 'a.png-2']);
    expect(outputStems(['e\u0301.png', '\u00e9.png'])).to.deep.equal(['e\u0301.png', '\u00e9.png-2']);
    // an input may have the name that a number makes
    expect(outputStems(['a.x', 'A.x', 'a.x-2.y'])).to.deep.equal(['a.x', 'A.x-3', 'a.x-2']);
  });

  it('leave room for a suffix, and are cut between characters', () => {
    const [stem] = outputStems([`${'😀'.repeat(100)}.png`], 64);
    expect(stem).to.equal('😀'.repeat(47)); // 188 of 191 bytes
  });

  it('are different, in the folder and not too long for any names', () => {
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

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing was thrown',
    (error: Error) => error.message,
  );
}

describe('written files', () => {
  const folder = useFolder();

  it('are written piece by piece, with their folders', async () => {
    const path = join(folder, 'a/b/c.bin');
    await writeWhole(path, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    expect([...readFileSync(path)]).to.deep.equal([1, 2, 3]);
  });

  it('keep the content before if they cannot be finished', async () => {
    const path = join(folder, 'whole.bin');
    writeFileSync(path, 'before');
    function* broken() {
      yield Uint8Array.of(1, 2);
      throw new Error('the source ended');
    }
    expect(await messageOf(writeWhole(path, broken()))).to.equal('the source ended');
    expect(readFileSync(path, 'utf8')).to.equal('before');
    expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).to.deep.equal([]);
  });

  it('are named if they cannot be opened', async () => {
    writeFileSync(join(folder, 'file'), '');
    const path = join(folder, 'file/below.png');
    expect(await messageOf(writeWhole(path, []))).to.match(/\/file\/below\.png cannot be written: .*E(NOTDIR|EXIST)\b/);
  });

  it('are counted if they exist already', () => {
    const paths = ['one', 'two', 'three'].map((name) => join(folder, name));
    expect(() => refuseExisting(paths, 'say so')).not.to.throw();
    for (const path of paths) writeFileSync(path, '');
    expect(() => refuseExisting(paths, 'say so')).to.throw(/one and 2 more exist already.*--overwrite, or say so\./);
  });
});
