import { expect } from 'chai';
import { atOnce, inSlices, type Sliced } from '../src/slices.ts';
import { breather } from '../src/turn.ts';
import { rejection } from './harness/rejection.ts';

/** Adds up 0, 1, 2, … in slices of one number. */
function* sumBelow(count: number, seen: number[] = []): Sliced<number> {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += i;
    seen.push(i);
    yield;
  }
  return sum;
}

/** Keeps the thread for some milliseconds. */
function* busy(ms: number): Sliced<number> {
  let slices = 0;
  for (const end = performance.now() + ms; performance.now() < end; slices++) yield;
  return slices;
}

describe('work in slices', () => {
  it('gives the same at once and with pauses', async () => {
    let pauses = 0;
    const pause = async () => void pauses++;
    expect(atOnce(sumBelow(5))).to.equal(10);
    expect(await inSlices(sumBelow(5), pause)).to.equal(10);
    expect(pauses).to.equal(5);
  });

  it('ends with what the pause rejects with', async () => {
    const seen: number[] = [];
    const pause = () => (seen.length === 3 ? Promise.reject(new Error('enough')) : undefined);
    expect(await rejection(inSlices(sumBelow(5, seen), pause)))
      .to.be.an('error')
      .with.property('message', 'enough');
    expect(seen).to.deep.equal([0, 1, 2]);
  });

  it('lets timers run meanwhile', async () => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await inSlices(busy(200), breather());
    clearInterval(timer);
    expect(ticks).to.be.above(3);
  });

  it('hears an abort by a timer', async () => {
    const abort = new AbortController();
    setTimeout(() => abort.abort(new Error('too long')), 20);
    const error = await rejection(inSlices(busy(10_000), breather(abort.signal)));
    expect(error).to.equal(abort.signal.reason);
  });
});
