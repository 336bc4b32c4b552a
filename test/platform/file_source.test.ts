import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { CheckpointError } from '../../src/errors.ts';
import { openFileSource } from '../../src/platform/node/files.ts';

const failure = async (action: () => Promise<unknown>) => {
  const error = await action().then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).to.be.instanceOf(CheckpointError);
  return (error as Error).message;
};

describe('a file as a source', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'moganet-source-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('is read by position', async () => {
    const path = join(folder, 'a b#%.bin');
    await writeFile(path, Uint8Array.of(0, 1, 2, 3, 4));
    const source = await openFileSource(path);
    expect([source.name, source.size]).to.deep.equal([path, 5]);
    expect([...(await source.read(1, 3))]).to.deep.equal([1, 2, 3]);
    const target = new Uint8Array(2);
    await source.readInto!(target, 3);
    expect([...target]).to.deep.equal([3, 4]);
    await truncate(path, 2);
    expect(await failure(() => source.read(1, 3))).to.match(/byte 2: .* it had 5 bytes\./);
    await source.close();
  });

  it('names the fault of a path', async () => {
    expect(await failure(() => openFileSource(join(folder, 'none')))).to.match(
      /none: there is no such file\. Check the path\./,
    );
    expect(await failure(() => openFileSource(folder))).to.match(
      /this is a folder without an index of shards .*Give a file\./,
    );
  });
});
