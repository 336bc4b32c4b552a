import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { withLock } from '../../src/platform/node/cache.ts';
import { useFolder } from '../harness/command_line.ts';

describe('a lock', () => {
  const folder = useFolder();
  const options = { beatMs: 5, staleMs: 100 };
  let path: string;
  let count = 0;
  beforeEach(() => {
    path = join(folder, `lock${count++}`);
  });

  /** Runs several at once. Returns the largest number that had the lock at the same time. */
  async function together(contenders: number): Promise<number> {
    let [inside, most] = [0, 0];
    const work = async () => {
      most = Math.max(most, ++inside);
      await delay(10);
      inside--;
    };
    await Promise.all(Array.from({ length: contenders }, () => withLock(path, work, options)));
    return most;
  }

  it('belongs to one at a time', async () => {
    expect(await together(10)).to.equal(1);
    expect(existsSync(path)).to.equal(false);
  });

  it('is taken over by one of the waiting, after it was not touched for a while', async () => {
    writeFileSync(path, 'of a process that is gone');
    const start = performance.now();
    expect(await together(10)).to.equal(1);
    expect(performance.now() - start).to.be.greaterThan(options.staleMs);
    expect(readdirSync(folder).filter((name) => name.startsWith('lock'))).to.deep.equal([]);
  });

  it('stays with an owner that works longer than that', async () => {
    const events: string[] = [];
    const first = withLock(path, () => delay(300).then(() => events.push('first')), options);
    await delay(20);
    const second = withLock(path, async () => events.push('second'), options);
    await Promise.all([first, second]);
    expect(events).to.deep.equal(['first', 'second']);
  });

  it('tells its owner that it was lost, and stays with the other', async () => {
    const held = await withLock(
      path,
      async (lock) => {
        const before = lock.held();
        writeFileSync(path, 'of another');
        return [before, lock.held()];
      },
      options,
    );
    expect(held).to.deep.equal([true, false]);
    expect(existsSync(path)).to.equal(true);
  });

  it('is released if the work fails, and waiting for it ends on a signal', async () => {
    const failed = await withLock(path, () => Promise.reject(new Error('no')), options).catch((error: Error) => error);
    expect((failed as Error).message).to.equal('no');
    writeFileSync(path, 'of another');
    const signal = AbortSignal.timeout(30);
    const ended = await withLock(path, async () => undefined, { ...options, staleMs: 10_000, signal }).catch(
      (error: Error) => error,
    );
    expect(ended).to.be.instanceOf(Error);
    expect(existsSync(path)).to.equal(true);
  });
});
