import { expect } from 'chai';
import { EngineError } from 'moganet';
import { progressText } from '../../src/cli/images.ts';
import type { Outcome } from '../../src/cli/outcome.ts';
import type { PlannedInput } from '../../src/cli/plan.ts';
import { openPool, type PoolOptions, sharesOf } from '../../src/cli/pool.ts';
import type { WorkerData } from '../../src/cli/worker.ts';
import { rejection } from '../harness/rejection.ts';

describe('the shares of workers', () => {
  it('are two from a dozen images on, and never more threads than cores', () => {
    const shares = (images: number, cores: number, asked: Parameters<typeof sharesOf>[0] = {}) => {
      const { workers, threads } = sharesOf(asked, images, cores);
      expect(workers * (threads ?? 1)).to.be.at.most(Math.max(cores, asked.threads ?? 1));
      return [workers, threads];
    };
    expect(shares(1, 2)).to.deep.equal([1, undefined]);
    expect(shares(11, 2)).to.deep.equal([1, undefined]);
    expect(shares(12, 2)).to.deep.equal([2, 1]);
    expect(shares(100, 1)).to.deep.equal([1, undefined]);
    expect(shares(100, 8)).to.deep.equal([2, 4]);
    expect(shares(100, 8, { workers: 3 })).to.deep.equal([3, 2]);
    expect(shares(100, 8, { workers: 1 })).to.deep.equal([1, undefined]);
    expect(shares(100, 8, { threads: 8 })).to.deep.equal([1, 8]);
    expect(shares(100, 8, { threads: 3 })).to.deep.equal([2, 3]);
    expect(shares(2, 8, { workers: 8 })).to.deep.equal([2, 4]);
    expect(shares(100, 4, { engine: 'wasm', workers: 4 })).to.deep.equal([4, undefined]);
  });

  it('say if there are fewer workers than asked for', () => {
    expect(sharesOf({ workers: 9 }, 100, 2).notices).to.deep.equal([
      '--workers 9: this process may use 2 cores, so at most 2 run at a time.',
    ]);
    expect(sharesOf({ workers: 3, threads: 2 }, 100, 4).notices[0]).to.match(
      /^--workers 3: with --threads 2 .* 4 cores.* at most 2 run/,
    );
    expect(sharesOf({ workers: 9 }, 1, 2)).to.deep.include({
      workers: 1, // one image: the cores are not the reason
      notices: ['--workers 9: this process may use 2 cores, so at most 2 run at a time.'],
    });
    expect(sharesOf({ workers: 4 }, 2, 4).notices).to.deep.equal([]);
  });
});

const input = (file: string): PlannedInput => ({ file, folder: '', paths: [], imageId: file });
const outcome = (line: string): Outcome => ({
  contents: [],
  json: '',
  line,
  notices: [],
  instances: 0,
  milliseconds: 0,
  missing: [],
  fontLimits: { apart: new Set(), scripts: new Set() },
});
const data = () => ({}) as WorkerData;

/** A thread that answers with the image's name and its own, ends itself for `crash`, and says with `begun` that it starts. */
const script = (start = "post({ kind: 'ready' });") =>
  new URL(
    `data:text/javascript,${encodeURIComponent(`
      import { parentPort, threadId } from 'node:worker_threads';
      const post = (message) => parentPort.postMessage(message);
      parentPort.on('message', ({ kind, id, input: { file } = {} }) => {
        if (kind === 'end') process.exit();
        if (file === 'crash') throw new Error('out of luck');
        if (file === 'bad') post({ kind: 'failed', id, error: { kind: 'EngineError', message: 'bad: no' } });
        else if (file !== 'never') post({ kind: 'outcome', id, outcome: ${JSON.stringify(outcome('thread'))} });
      });
      ${start}
    `)}`,
  );

/** A pool whose own worker holds its images until `go` is called. */
function poolOf(threads: URL, more: Partial<PoolOptions> = {}) {
  const notices: string[] = [];
  let go = () => {};
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  const cook = async () => {
    await held;
    return outcome('here');
  };
  const onNotice = (text: string) => notices.push(text);
  const pool = openPool<PlannedInput, Outcome>({ workers: 2, data, onNotice, script: threads, ...more });
  pool.join(cook, 1);
  return { pool, notices, go };
}

/** The beginning of a thread that says something by `signal()`, also at its end or before it computes for ever. */
const signal = `
  const { workerData: { state } } = await import('node:worker_threads');
  const signal = () => { Atomics.store(state, 0, 1); };
`;

/** The data for a thread with `signal`, and a wait for what it says. */
function signalling() {
  const state = new Int32Array(new SharedArrayBuffer(4));
  return {
    state,
    data: () => ({ state }) as unknown as WorkerData,
    signalled: async () => {
      while (Atomics.load(state, 0) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

describe('a pool of workers', () => {
  it('gives images to threads while this one is busy', async () => {
    const { pool, go } = poolOf(script());
    const first = pool.run(input('a'));
    expect((await pool.run(input('b'))).line).to.equal('thread');
    expect((await Promise.all([pool.run(input('c')), pool.run(input('d'))])).map(({ line }) => line)).to.deep.equal([
      'thread',
      'thread',
    ]);
    go();
    expect((await first).line).to.equal('here');
    await pool.close();
  });

  it('passes on the error of an image with its class', async () => {
    const { pool, go } = poolOf(script());
    void pool.run(input('a'));
    const error = await rejection(pool.run(input('bad')));
    expect(error).to.be.instanceOf(EngineError);
    expect(error.message).to.equal('bad: no');
    go();
    await pool.close();
  });

  it('fails the image whose thread ends, names the thread, and runs the others here', async () => {
    const { pool, notices, go } = poolOf(script());
    const first = pool.run(input('a'));
    const crashing = pool.run(input('crash'));
    const behind = pool.run(input('never'));
    const error = await rejection(crashing);
    expect(error).to.be.instanceOf(EngineError);
    expect(error.message).to.match(/^worker 2 ended while it ran this image: out of luck\. .*--workers 1/);
    expect(notices).to.deep.equal(['worker 2 has ended: out of luck. The others go on.']);
    go();
    expect([(await first).line, (await behind).line, (await pool.run(input('e'))).line]).to.deep.equal([
      'here',
      'here',
      'here',
    ]);
    await pool.close();
  });

  it('goes on without a thread that cannot start, and says why', async () => {
    const unable = "post({ kind: 'unable', error: { kind: 'EngineError', message: 'no memory' } }); process.exit();";
    const { pool, notices, go } = poolOf(script(unable));
    const all = Promise.all(['a', 'b', 'c'].map((file) => pool.run(input(file))));
    go();
    expect((await all).map(({ line }) => line)).to.deep.equal(['here', 'here', 'here']);
    for (let i = 0; i < 200 && notices.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(notices).to.deep.equal(['worker 2 cannot start: no memory. The others go on.']);
    await pool.close();
  });

  it('says what its threads have to say once its own worker has joined', async () => {
    const notices: string[] = [];
    const onNotice = (text: string) => notices.push(text);
    const { data, signalled } = signalling();
    const ending = script(`${signal} process.on('exit', signal); process.exit(5);`);
    const pool = openPool<PlannedInput, Outcome>({ workers: 2, data, onNotice, script: ending });
    pool.start();
    const waiting = pool.run(input('a'));
    await signalled();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(notices).to.deep.equal([]);
    pool.join(async () => outcome('here'), 1);
    for (let i = 0; i < 200 && notices.length === 0; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(notices).to.deep.equal(['worker 2 cannot start: it ended with code 5. The others go on.']);
    expect((await waiting).line).to.equal('here');
    await pool.close();
  });

  it('lets threads end by themselves, also while they load', async () => {
    const { data, state } = signalling();
    const { pool } = poolOf(script(`${signal} process.on('exit', signal); await new Promise(() => {});`), { data });
    await pool.close();
    expect(state[0]).to.equal(1);
  });

  it('ends threads that do not hear it', async () => {
    const { data, signalled } = signalling();
    const { pool } = poolOf(script(`${signal} signal(); for (;;);`), { data, patience: 100 });
    await signalled();
    await pool.close();
  });
});

describe('the progress of many images', () => {
  it('says images per second and the time left from the second on', () => {
    expect(progressText(0, 100, 'a.jpg', 0, 10)).to.equal('1 of 100  a.jpg');
    expect(progressText(10, 100, 'b.jpg', 0, 5000)).to.equal('11 of 100  2.0 images/s, 45 s left  b.jpg');
    expect(progressText(10, 1000, 'c.jpg', 0, 5000)).to.include('9 min left');
    expect(progressText(10, 100_000, 'c.jpg', 0, 5000)).to.include('13.9 h left');
  });
});
