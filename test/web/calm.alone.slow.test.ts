import { deflateSync } from 'node:zlib';
import { expect } from 'chai';
import { pngSignature } from '../../src/formats/png_chunks.ts';
import { chunk, header, join } from '../harness/png_builder.ts';
import { drop, patience, settled, watchLongTasks, webPage } from './site.ts';

/** The page stays calm: its thread is free while the network runs, and memory does not grow. */

describe('the page, computing', () => {
  const site = webPage(['--js-flags=--expose-gc']);

  it('blocks its own thread for less than 100 ms at a time while the network runs', async function () {
    this.timeout(180_000);
    const { page } = await site.open('?engine=wasm&size=320');
    await settled(page);
    const seen = await watchLongTasks(page);
    await page.keyboard.press('3');
    await page.locator('.stage-frame[aria-label^="street-corner.jpg:"]').waitFor(patience);
    await settled(page);
    const { working, drawing } = await seen();
    console.log(
      `      while it computes: ${working.join(', ') || 'none'} ms; while it draws: ${drawing.join(', ') || 'none'} ms`,
    );
    expect(Math.max(0, ...working)).to.be.below(100);
    await page.close();
  });

  it('refuses a hundred megapixels without decoding them, in words for a visitor', async () => {
    const { page } = await site.open('?engine=wasm&size=192');
    await settled(page);
    const [width, height] = [10_000, 10_000];
    const rows = deflateSync(Buffer.alloc(height * (1 + width / 8)));
    const form = header({ width, height, depth: 1, colorType: 0 });
    const bytes = join(pngSignature, form, chunk('IDAT', rows), chunk('IEND'));
    await page.evaluate('createImageBitmap = () => Promise.reject(new Error("it is decoded"))');
    const seen = await watchLongTasks(page);
    await drop(page, { name: 'huge.png', bytes });
    await page.locator('#notice').waitFor({ timeout: 5000 });
    const words = await page.locator('#notice p').textContent();
    expect(words).to.match(/^huge\.png: it has 100 megapixels, and this page takes up to 67\. Save a smaller copy/);
    const { working, drawing } = await seen();
    expect(Math.max(0, ...working, ...drawing), 'ms of the longest task').to.be.below(200);
    await page.close();
  });

  it('needs no more memory after twenty pictures than after five', async function () {
    this.timeout(300_000);
    const { page } = await site.open('?engine=wasm&size=192');
    await settled(page);
    const client = await page.context().newCDPSession(page);
    const measure = async () => {
      await client.send('HeapProfiler.collectGarbage');
      const { usedSize } = await client.send('Runtime.getHeapUsage');
      const { nodes } = await client.send('Memory.getDOMCounters');
      return { megabytes: usedSize / 1e6, nodes };
    };
    const names = ['street-house.jpg', 'facade-balconies.jpg', 'street-corner.jpg'];
    const show = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const name = names[i % names.length] ?? '';
        await page.keyboard.press(`${(i % names.length) + 1}`);
        await page.locator(`.stage-frame[aria-label^="${name}:"]`).waitFor(patience);
        await settled(page);
      }
    };
    await show(6);
    const early = await measure();
    await show(15);
    const late = await measure();
    console.log(
      `      ${early.megabytes.toFixed(1)} → ${late.megabytes.toFixed(1)} MB, ${early.nodes} → ${late.nodes} nodes`,
    );
    expect(late.megabytes - early.megabytes, 'MB of the heap').to.be.below(6);
    expect(late.nodes - early.nodes, 'nodes').to.be.below(200);
    await page.close();
  });
});

describe('the page with a webcam', () => {
  const site = webPage(['--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream']);

  it('shows frames as fast as they are computed, and keeps the last one', async () => {
    const { page, faults } = await site.open('?engine=wasm&size=192');
    await settled(page);
    await page.getByRole('button', { name: 'Webcam' }).click();
    await page.locator('.stage-frame[aria-label^="webcam:"]').waitFor(patience);
    await page.locator('#facts:has-text("pictures a second")').waitFor(patience);
    await page.locator('#panel .segment').first().focus();
    await page
      .locator('#panel .segment')
      .first()
      .evaluate((row) => Object.assign(row, { isOld: true }));
    await page.waitForFunction(
      () => !('isOld' in (document.querySelector('#panel .segment') ?? {})),
      undefined,
      patience,
    );
    expect(await page.evaluate(() => document.activeElement?.className), 'the focus, after a frame').to.equal(
      'segment',
    );
    await page.getByRole('button', { name: 'Stop webcam' }).click();
    expect(await page.locator('.stage-frame').getAttribute('aria-label')).to.match(/^webcam: \d+ instance/);
    await page.waitForTimeout(1300); // frames that were replaced are freed after a second
    await page.keyboard.press('.');
    await page.locator('body.working').waitFor(patience);
    await settled(page);
    expect(await page.locator('.stage-frame').getAttribute('aria-label'), 'seen with more detail').to.match(
      /^webcam: /,
    );
    expect(faults).to.deep.equal([]);
    await page.close();
  });
});
