import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { encodePng } from '../../src/platform/node/png.ts';
import { launchChromium } from '../harness/chromium.ts';
import { moganet } from '../harness/command_line.ts';

describe('moganet browse', function () {
  this.timeout(60_000);
  let folder: string;
  let data: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'browse-'));
    data = join(folder, 'instances.json');
    const markup = '<img src=x onerror="document.title=1">';
    const images = [1, 2, 3].map((id) => ({ id, file_name: `${id}.png`, width: 80, height: 60 }));
    const annotation = { image_id: 1, category_id: 1, bbox: [10, 10, 30, 20], area: 600, iscrowd: 0 };
    const annotations = [
      { ...annotation, id: 1, segmentation: [[10, 10, 40, 10, 40, 30]] },
      { ...annotation, id: 2, image_id: 2, category_id: 2 },
    ];
    const categories = [
      { id: 1, name: 'cat' },
      { id: 2, name: markup },
    ];
    writeFileSync(data, JSON.stringify({ images, annotations, categories }));
    for (const { file_name: name } of images) {
      writeFileSync(
        join(folder, name),
        encodePng({ width: 80, height: 60, data: new Uint8Array(4 * 80 * 60).fill(150) }),
      );
    }
  });
  after(() => rmSync(folder, { recursive: true }));

  it('prints the path and the counts, names the file after the data, and replaces nothing without being told', async () => {
    const first = await moganet(['browse', data], { cwd: folder });
    expect([first.code, first.stderr]).to.deep.equal([0, '']);
    expect(first.stdout).to.match(/^instances\.html: 3 of 3 images, \d+ kB\n$/);
    const again = await moganet(['browse', data], { cwd: folder });
    expect([again.code, again.stdout]).to.deep.equal([1, '']);
    expect(again.stderr).to.match(/instances\.html exists already\. Replace with --overwrite/);
    const cut = await moganet(['browse', data, '--overwrite', '--limit', '2', '--classes', 'cat'], { cwd: folder });
    expect(cut.stdout).to.match(/1 of 3 images/);
  });

  it('says with 2 that a call is wrong', async () => {
    expect((await moganet(['browse', join(folder, 'nowhere')])).code).to.equal(2);
    expect((await moganet(['browse', data, '-o', join(folder, 'a.png')])).code).to.equal(2);
    const { code, stderr } = await moganet(['browse', data, '--classes', 'cot', '-o', join(folder, 'c.html')]);
    expect([code, stderr]).to.deep.equal([
      2,
      'error: unknown class "cot". Did you mean "cat"? Known: cat, <img src=x onerror="document.title=1">.\n',
    ]);
  });

  describe('in Chromium', () => {
    let browser: Browser | string;
    before(async () => {
      browser = await launchChromium();
    });
    after(async () => {
      if (typeof browser !== 'string') await browser.close();
    });

    it('opens without an error and without a request, switches layers and classes, and goes from image to image', async function () {
      if (typeof browser === 'string') return this.skip();
      const out = join(folder, 'page.html');
      const results = join(folder, 'results.json');
      writeFileSync(results, JSON.stringify([{ image_id: 3, category_id: 1, bbox: [5, 5, 10, 10], score: 0.8 }]));
      expect((await moganet(['browse', data, '-o', out, '--results', results])).code).to.equal(0);
      expect(readFileSync(out, 'utf8')).to.match(
        /http-equiv="Content-Security-Policy" content="default-src (?:'|&#39;)none/,
      );
      const page = await browser.newPage({ viewport: { width: 390, height: 800 } });
      const faults: string[] = [];
      page.on('console', (message) => faults.push(message.text()));
      page.on('pageerror', (error) => faults.push(String(error)));
      page.on('request', (request) => {
        if (!request.url().startsWith('data:') && !request.url().endsWith('page.html')) faults.push(request.url());
      });
      await page.goto(pathToFileURL(out).href);
      const isShown = (selector: string) => page.locator(selector).first().isVisible();
      expect(await page.title()).not.to.equal('1');

      expect(await isShown('.item:nth-child(1) .box')).to.equal(true);
      await page.getByLabel('boxes').uncheck();
      expect(await isShown('.item:nth-child(1) .box')).to.equal(false);
      await page.getByLabel('boxes').check();
      await page.getByLabel('cat').first().uncheck();
      expect(await isShown('.item:nth-child(1) .mask')).to.equal(false);
      await page.getByRole('button', { name: 'All classes' }).click();
      expect(await isShown('.item:nth-child(1) .mask')).to.equal(true);
      await page.getByLabel('results (dashed)').uncheck();
      expect(await isShown('.item:nth-child(3) .box')).to.equal(false);

      await page.locator('.item .picture').first().click();
      const where = () => page.locator('#viewer .what').textContent();
      expect(await where()).to.match(/1\.png[\s\S]*1 of 3/);
      await page.keyboard.press('ArrowRight');
      expect(await where()).to.match(/2\.png[\s\S]*2 of 3/);
      await page.getByRole('button', { name: 'Previous' }).click();
      await page.getByRole('button', { name: 'Previous' }).click();
      expect(await where()).to.match(/3\.png[\s\S]*3 of 3/);
      await page.keyboard.press('Escape');
      expect(await isShown('#viewer')).to.equal(false);

      await page.locator('#only').selectOption('none');
      expect(await page.locator('#seen').textContent()).to.equal('1 of 3 images');
      // nothing is wider than a phone
      const width = await page.evaluate<number>('document.documentElement.scrollWidth');
      expect(width).to.be.at.most(390);
      expect(faults).to.deep.equal([]);
      await page.close();
    });
  });
});
