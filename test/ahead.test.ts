import { expect } from 'chai';
import { ahead } from '../src/ahead.ts';
import { Lane } from '../src/library/lane.ts';
import { rejection } from './harness/rejection.ts';

const soon = (ms = 0) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Numbers from 0 on without an end; counts what was taken, and tells when it is closed. */
function numbers() {
  const seen = { taken: 0, closed: false };
  async function* source() {
    try {
      for (let i = 0; ; i++) {
        seen.taken = i + 1;
        yield i;
      }
    } finally {
      seen.closed = true;
    }
  }
  return { seen, source: source() };
}

describe('work ahead', () => {
  it('gives outcomes in the order of the items, whatever ends first', async () => {
    const work = async (delay: number) => {
      await soon(delay);
      if (delay === 5) throw new Error('five');
      return delay;
    };
    const outcomes = [];
    for await (const one of ahead([20, 5, 0, 10], work, { most: 3 })) {
      outcomes.push(one.status === 'fulfilled' ? one.value : one.reason.message);
    }
    expect(outcomes).to.deep.equal([20, 'five', 0, 10]);
  });

  it('takes an item only when there is room for it', async () => {
    const { seen, source } = numbers();
    const steps = ahead(source, async (i) => i, { most: 3 });
    expect(seen.taken).to.equal(0);
    await steps.next();
    await soon();
    expect(seen.taken).to.be.within(1, 3);
    await steps.next();
    await soon(5);
    expect(seen.taken).to.be.within(2, 4);
    await steps.return();
    expect(seen.closed).to.equal(true);
  });

  it('stops what has begun if the loop is left, and waits for it', async () => {
    const { seen, source } = numbers();
    let running = 0;
    const work = async (i: number, _: number, signal: AbortSignal) => {
      running++;
      if (i > 0) await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await soon();
      running--;
    };
    for await (const _ of ahead(source, work, { most: 3 })) break;
    expect([running, seen.closed]).to.deep.equal([0, true]);
    expect(seen.taken).to.be.at.most(4);
  });

  it('gives a result while the source has no next item, and hears an abort meanwhile', async () => {
    const stopping = new AbortController();
    async function* camera() {
      yield 1;
      await new Promise(() => {}); // no second frame ever
    }
    const steps = ahead(camera(), async (i) => i, { most: 3, signal: stopping.signal });
    expect((await steps.next()).value).to.deep.equal({ status: 'fulfilled', value: 1 });
    setTimeout(() => stopping.abort(new Error('enough')), 5);
    expect((await rejection(steps.next())).message).to.equal('enough');
  });

  it('passes on what the source throws, after the work that has begun', async () => {
    let ended = 0;
    function* broken() {
      yield 1;
      throw new Error('the folder is gone');
    }
    const work = async () => {
      await soon(5);
      ended++;
    };
    const all = async () => {
      for await (const _ of ahead(broken(), work, { most: 3 }));
    };
    expect((await rejection(all())).message).to.equal('the folder is gone');
    expect(ended).to.equal(1);
  });
});

describe('a lane', () => {
  it('has room for so many, in the order in which they came', async () => {
    const lane = new Lane(2);
    const order: string[] = [];
    const visit = async (name: string, ms: number) => {
      const leave = await lane.enter();
      order.push(`${name} in`);
      await soon(ms);
      order.push(`${name} out`);
      leave();
      leave(); // does nothing
    };
    await Promise.all([visit('a', 20), visit('b', 5), visit('c', 0), visit('d', 0)]);
    expect(order.slice(0, 4)).to.deep.equal(['a in', 'b in', 'b out', 'c in']);
    let [inside, most] = [0, 0];
    for (const step of order) {
      inside += step.endsWith('in') ? 1 : -1;
      most = Math.max(most, inside);
    }
    expect([most, inside]).to.deep.equal([2, 0]);
  });
});
