import { readdirSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { workerSite } from '../harness/worker_site.ts';

/** Both ends of a worker in Chromium. `test/worker/worker.alone.test.ts` has what needs no browser. */

describe('a model in a worker of a page', function () {
  this.timeout(120_000);
  const site = workerSite();
  let page: Page;
  before(async () => {
    page = await site.open();
  });
  after(() => page?.close());

  it('says the same about itself as on the thread of the page', async () => {
    const { same, engine } = await page.evaluate(() => window.workerCalls.facts());
    expect(same).to.equal(true);
    expect(engine).to.match(/^wasm/);
  });

  it('gives results that equal those of the thread of the page byte for byte, for every kind of image', async () => {
    const kinds = await page.evaluate(() => window.workerCalls.kinds());
    for (const kind of kinds) {
      const { different, length } = await page.evaluate((one) => window.workerCalls.compare(one), kind);
      expect(different, kind).to.deep.equal([]);
      if (!kind.includes('alpha')) expect(length, `instances in ${kind}`).to.be.above(0);
    }
    expect(kinds).to.have.length(12);
  });

  it('draws in the worker, and moves the bitmap', async () => {
    const { bytes, different } = await page.evaluate(() => window.workerCalls.drawn());
    expect(bytes).to.be.above(1e6);
    expect(different).to.equal(0);
  });

  it('finds poses in boxes as the thread of the page does, draws them, and has its boxes from a detector', async () => {
    const { different, drawn, found } = await page.evaluate(() => window.workerCalls.poses());
    expect(different).to.deep.equal([]);
    expect(drawn).to.be.above(1000);
    expect(found[0]).to.be.within(1, 3);
    expect(found[1]).to.be.within(1, 4);
  });

  it('takes bitmaps and frames over, unless they are to be kept, and closes them in every case', async () => {
    const seen = await page.evaluate(() => window.workerCalls.ownership());
    expect(Object.entries(seen).filter(([, holds]) => !holds)).to.deep.equal([]);
  });

  it('runs the latest frame, and closes those that it drops', async () => {
    const { outcomes, open } = await page.evaluate(() => window.workerCalls.video(8));
    expect(outcomes).to.deep.equal(['answered', ...Array.from({ length: 6 }, () => 'dropped'), 'answered']);
    expect(open, 'frames that hold memory').to.equal(0);
  });

  it('answers in order', async () => {
    expect(await page.evaluate(() => window.workerCalls.order())).to.deep.equal([0, 1, 2, 3]);
  });

  it('ends at an abort', async () => {
    const { error, milliseconds, next } = await page.evaluate(() => window.workerCalls.abort());
    expect(error).to.match(/^AbortError/);
    expect(milliseconds).to.be.below(100);
    expect(next).to.equal(768);
  });

  it('leaves the thread of the page free while it computes', async () => {
    const { longest, total, tasks } = await page.evaluate(() => window.workerCalls.longestTask(5));
    console.log(`      ${tasks} tasks over 50 ms in ${total.toFixed(0)} ms, the longest ${longest.toFixed(0)} ms`);
    expect(longest).to.be.below(100);
  });

  it('does not grow over 50 calls', async function () {
    if (process.platform !== 'linux') return this.skip(); // memory is read from /proc
    const many = (count: number) => page.evaluate((n) => window.workerCalls.many(n), count);
    await many(15);
    await page.requestGC();
    const before = rendererMegabytes();
    await many(50);
    await page.requestGC();
    const after = rendererMegabytes();
    console.log(
      `      ${before.toFixed(0)} MB in the process of the page after 15 calls, ${after.toFixed(0)} MB after 65`,
    );
    // an image with its result has 3 MB
    expect(after - before, 'MB').to.be.below(75);
  });

  it('ends its worker with the last model', async () => {
    expect(page.workers()).to.have.length(1);
    await page.evaluate(() => window.workerCalls.dispose());
    await expectWorkers(page, 0);
  });

  it('has a worker per library, and several models in each', async () => {
    await page.exposeFunction('countWorkers', async () => {
      await new Promise((resolve) => setTimeout(resolve, 200)); // until a terminated one is gone
      return page.workers().length;
    });
    const counts = await page.evaluate(() =>
      window.workerCalls.several((window as unknown as { countWorkers(): Promise<number> }).countWorkers),
    );
    expect(counts).to.deep.equal([2, 2, 1, 0]);
  });

  for (const kind of ['missing', 'syntax'] as const) {
    it(`is an EngineError within seconds if its script is ${kind === 'missing' ? 'missing' : 'no JavaScript'}`, async () => {
      const { error, milliseconds } = await page.evaluate((one) => window.workerCalls.failure(one), kind);
      expect(error).to.match(/^EngineError: the worker did not start.*Check that the server has its script/);
      expect(milliseconds).to.be.below(5000);
      await expectWorkers(page, 0);
    });
  }

  it('says that the policy of the page forbids it', async () => {
    const strict = await site.open('none.html');
    await strict.setContent(
      `<meta http-equiv="Content-Security-Policy" content="worker-src 'none'"><script type="module" src="${site.url}worker_page.js"></script>`,
    );
    await strict.waitForFunction(() => 'workerCalls' in window);
    const { error, milliseconds } = await strict.evaluate(() => window.workerCalls.failure('forbidden'));
    expect(error).to.match(
      /^EngineError: the worker did not start \(worker-src of the Content-Security-Policy forbids/,
    );
    expect(milliseconds).to.be.below(5000);
    await strict.close();
  });

  it('that fails rejects every call at once, and can be disposed', async () => {
    const { error, milliseconds } = await page.evaluate(() => window.workerCalls.failure('crash'));
    expect(error).to.match(/^EngineError: the worker failed \(.*boom.*Load the model again/);
    expect(milliseconds).to.be.below(5000);
    await expectWorkers(page, 0);
  });
});

/** A worker that was terminated is gone a moment later. */
async function expectWorkers(page: Page, count: number): Promise<void> {
  for (let i = 0; i < 20 && page.workers().length !== count; i++) await page.waitForTimeout(100);
  expect(page.workers()).to.have.length(count);
}

/** Returns the memory of the pages of this process' browsers, which has that of their workers. Reads /proc, as Linux has it. */
function rendererMegabytes(): number {
  const processes = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const parents = new Map<string, string>();
  const pages = new Map<string, number>();
  for (const id of processes) {
    try {
      const status = readFileSync(`/proc/${id}/status`, 'utf8');
      parents.set(id, /^PPid:\s+(\d+)/m.exec(status)?.[1] ?? '');
      const isPage = readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('--type=renderer');
      if (isPage) pages.set(id, Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1000);
    } catch {} // it has ended
  }
  const isOurs = (id: string | undefined): boolean =>
    id !== undefined && (id === `${process.pid}` || isOurs(parents.get(id)));
  return [...pages].reduce((sum, [id, megabytes]) => sum + (isOurs(id) ? megabytes : 0), 0);
}
