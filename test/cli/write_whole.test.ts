import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { refuseExisting, writeWhole } from '../../src/cli/outputs.ts';
import { useFolder } from '../harness/command_line.ts';

async function messageOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'nothing was thrown',
    (error: Error) => error.message,
  );
}

describe('files that are written', () => {
  const folder = useFolder();

  it('are made with their folders, piece by piece', async () => {
    const path = join(folder, 'a/b/c.bin');
    await writeWhole(path, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
    expect([...readFileSync(path)]).to.deep.equal([1, 2, 3]);
  });

  it('are not there, and what was there before is, if they cannot be finished', async () => {
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

  it('are named if they cannot be begun', async () => {
    writeFileSync(join(folder, 'file'), '');
    const path = join(folder, 'file/below.png');
    expect(await messageOf(writeWhole(path, []))).to.match(/\/file\/below\.png cannot be written: E(NOTDIR|EXIST): /);
  });

  it('are counted if they exist already', () => {
    const paths = ['one', 'two', 'three'].map((name) => join(folder, name));
    expect(() => refuseExisting(paths, 'say so')).not.to.throw();
    for (const path of paths) writeFileSync(path, '');
    expect(() => refuseExisting(paths, 'say so')).to.throw(/one and 2 more exist already.*--overwrite, or say so\./);
  });
});
