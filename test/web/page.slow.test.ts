import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { expectSameInstances } from '../harness/same_instances.ts';
import { nodeResult } from './reference.ts';
import { drop, dropImage, patience, savedJson, settled, shipped, webPage } from './site.ts';

/** The page end to end, as a visitor uses it. */

describe('the page', () => {
  const site = webPage();

  it('shows a sample by itself, and loads nothing from other hosts', async () => {
    const { page, faults } = await site.open('?size=192');
    await settled(page);
    expect(await page.locator('#found').textContent()).to.match(/^Found \d+ × \w/);
    const hint = await page.locator('#engine-hint').textContent();
    expect(hint).to.match(/^auto took \S+ \(.+\)\./);
    expect(hint, 'what was passed over').to.match(/webgpu: .*WebGL is computed in software/);
    expect(faults).to.deep.equal([]);
    await page.close();
  });

  for (const engine of ['wasm', 'webgl', 'ort-wasm']) {
    it(`finds the same on ${engine} as Node in a photo that is dropped`, async function () {
      this.timeout(240_000);
      const { page, faults } = await site.open(`?engine=${engine}&size=320&sample=none`);
      await page.locator('#found:has-text("Ready")').waitFor(patience);
      await dropImage(page, 'street-house.jpg');
      await settled(page, engine);
      expectSameInstances(await savedJson(page), await nodeResult('street-house.jpg'), 0.5);
      expect(faults).to.deep.equal([]);
      await page.close();
    });
  }

  it('keeps the result beside the message of a file that is not an image', async () => {
    const { page } = await site.open('?engine=wasm&size=192');
    await settled(page);
    const found = await page.locator('#found').textContent();
    await drop(page, { name: 'letter.jpg', bytes: Buffer.from('Dear reader,') });
    await page.locator('#notice').waitFor(patience);
    expect(await page.locator('#notice p').textContent()).to.match(/^letter\.jpg: this is text/);
    expect(await page.locator('#found').textContent(), 'the last result').to.equal(found);
    expect(await page.locator('.stage-empty').isVisible()).to.equal(false);
    await page.getByRole('button', { name: 'Dismiss this message' }).click();
    expect(await page.locator('#notice').isVisible()).to.equal(false);
    await page.close();
  });

  it('draws the kept picture for as long as it is shown, and names a file once', async () => {
    const { page, faults } = await site.open('?engine=wasm&size=192');
    await settled(page);
    const photo = readFileSync(shipped('facade-balconies.jpg'));
    await drop(page, { name: 'cut.jpg', bytes: photo.subarray(0, photo.length / 2) });
    await page.locator('#notice').waitFor(patience);
    expect(await page.locator('#notice p').textContent()).to.match(/^cut\.jpg[:,](?!.*cut\.jpg)/);
    await page.waitForTimeout(1300); // pictures that were replaced are freed after a second
    await page.getByRole('button', { name: 'Zoom in' }).click();
    await page.waitForTimeout(200);
    expect(faults).to.deep.equal([]);
    await page.close();
  });

  it('does not jump while the first result comes', async () => {
    const { page } = await site.open('?sample=none', { viewport: { width: 1440, height: 900 } });
    await page.addInitScript(() => {
      Object.assign(window, { jumped: 0 });
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries())
          (window as unknown as { jumped: number }).jumped += (entry as unknown as { value: number }).value;
      }).observe({ type: 'layout-shift', buffered: true });
    });
    for (const size of [
      { width: 1440, height: 900 },
      { width: 1024, height: 768 },
      { width: 390, height: 844 },
    ]) {
      await page.setViewportSize(size);
      await page.goto(`${site.url}?engine=wasm&size=192`);
      await settled(page);
      await page.waitForTimeout(200);
      const jumped = await page.evaluate(() => (window as unknown as { jumped: number }).jumped);
      expect(jumped, `cumulative layout shift at ${size.width}`).to.be.below(0.05);
    }
    await page.close();
  });

  it('takes a checkpoint of the visitor, and says what is wrong with another', async () => {
    const { page, faults } = await site.open('?engine=wasm&size=192');
    await settled(page);
    const weights = readFileSync(new URL('../../samples/weights/facade.safetensors', import.meta.url));
    await page.setInputFiles('#file', {
      name: 'mine.safetensors',
      mimeType: 'application/octet-stream',
      buffer: weights,
    });
    await page.locator('#settings strong:has-text("mine.safetensors")').waitFor(patience);
    await settled(page);
    expect(await page.locator('#found').textContent()).to.match(/^Found \d+ × \w/);
    expect(await page.locator('#settings').textContent()).to.include('The model was recognised from mine.safetensors.');

    await drop(page, { name: 'broken.pth', bytes: Buffer.from('Not Found') });
    await page.locator('#notice[data-kind=error]').waitFor(patience);
    expect(await page.locator('#notice p').textContent()).to.match(/broken\.pth: .*text/);
    expect(await page.locator('#settings strong').textContent(), 'the model before').to.equal('mine.safetensors');
    await page.getByRole('button', { name: 'Back to the demo' }).click();
    await page.locator('#settings strong:has-text("demo")').waitFor(patience);
    expect(faults).to.deep.equal([]);
    await page.close();
  });

  it('is used by keys', async () => {
    const { page } = await site.open('?engine=wasm&size=192');
    await settled(page);
    await page.keyboard.press('2');
    await page.locator('.stage-frame[aria-label^="facade-balconies.jpg:"]').waitFor(patience);
    await page.keyboard.press('.');
    expect(await page.locator('#size').inputValue()).to.equal('224');
    await settled(page);
    await page.keyboard.press('?');
    expect(await page.getByRole('dialog', { name: 'Keys and help' }).isVisible()).to.equal(true);
    await page.keyboard.press('Escape');
    expect(await page.getByRole('dialog').isVisible()).to.equal(false);
    await page.keyboard.press('t');
    expect(await page.locator('html').getAttribute('data-theme')).to.equal('light');
    await page.keyboard.press('t');
    expect(await page.locator('html').evaluate((root) => getComputedStyle(root).colorScheme)).to.equal('dark');
    await page.close();
  });

  it('ends a prediction, and keeps the result before', async () => {
    const { page } = await site.open('?engine=wasm&size=192');
    await settled(page);
    const found = await page.locator('#found').textContent();
    await page.locator('#size').fill('800');
    await page.locator('#cancel').click();
    expect(await page.locator('#cancel').isVisible()).to.equal(false);
    expect(await page.locator('#found').textContent()).to.equal(found);
    await page.close();
  });

  it('shows the whole picture and the answer on a phone without scrolling', async () => {
    const { page } = await site.open('?engine=wasm&size=192', {
      viewport: { width: 390, height: 844 },
      isMobile: true,
    });
    await settled(page);
    for (const part of ['#stage', '#answer', '#source']) {
      const box = await page.locator(part).boundingBox();
      expect((box?.y ?? 0) + (box?.height ?? Infinity), `the end of ${part}`).to.be.at.most(844);
    }
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, 'width of the page').to.equal(390);
    for (const way of await page.locator('#source > *:visible, #samples button').all()) {
      const box = await way.boundingBox();
      expect((box?.x ?? 0) + (box?.width ?? Infinity), 'the right edge of a way in').to.be.at.most(390);
    }
    for (const name of ['Keys', 'Theme: Auto']) {
      expect(
        await page.getByRole('button', { name, exact: true }).count(),
        `the button ${name}, an icon here`,
      ).to.equal(1);
    }
    await page.locator('.instance:visible').first().click();
    const cutout = await page.locator('.cutout').boundingBox();
    expect(cutout?.y, 'the cut-out of an instance of the list below is seen').to.be.within(
      -1, // positions are rounded
      844 - (cutout?.height ?? 844),
    );
    await page.close();
  });

  it('keeps the ways in on the screen beside a long message', async () => {
    const { page } = await site.open('?engine=wasm&size=192', { viewport: { width: 1024, height: 768 } });
    await settled(page);
    const bottom = async () => {
      const box = await page.locator('#source').boundingBox();
      return (box?.y ?? 0) + (box?.height ?? Infinity);
    };
    const before = await bottom();
    await drop(page, { name: `${'letter '.repeat(60)}.jpg`, bytes: Buffer.from('Dear reader,') });
    await page.locator('#notice').waitFor(patience);
    expect(await bottom()).to.be.closeTo(before, 1);
    expect(before).to.be.at.most(768);
    await page.close();
  });

  for (const [engine, file] of Object.entries({
    wasm: 'wasm/tfjs-backend-wasm-simd.wasm',
    'ort-wasm': 'ort/ort-wasm-simd-threaded.wasm',
  })) {
    it(`works without a network after the first visit, with ${engine}`, async () => {
      const { page, faults } = await site.open(`?engine=${engine}&size=192`);
      await settled(page, engine);
      await page.waitForFunction(async () => (await navigator.serviceWorker.ready).active?.state === 'activated');
      await page.waitForFunction(async (path) => (await caches.match(path)) !== undefined, file, patience);
      await page.context().setOffline(true);
      await page.reload();
      await settled(page, engine);
      expect(await page.locator('#found').textContent()).to.match(/^Found \d+ × \w/);
      await page.keyboard.press('3');
      await page.locator('.stage-frame[aria-label^="street-corner.jpg:"]').waitFor(patience);
      expect(faults).to.deep.equal([]);
      await page.close();
    });
  }

  it('compares the engines with PyTorch', async function () {
    this.timeout(240_000);
    const { page, faults } = await site.open('?engine=wasm&size=192');
    await settled(page);
    await page.getByRole('button', { name: 'Compare engines' }).click();
    await page.locator('#compare [role=status]:has-text("largest distance")').waitFor(patience);
    const rows = await page.locator('#compare tbody tr').allTextContents();
    expect(rows.find((row) => row.startsWith('wasm'))).to.match(/pass\de-\d/);
    expect(rows.find((row) => row.startsWith('webgpu'))).to.include('unsupported');
    expect(faults).to.deep.equal([]);
    await page.close();
  });
});
