import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import type { Browser, Page } from 'playwright-core';
import { comparisonReport } from '../../src/report/comparison.ts';
import { evaluationReport } from '../../src/report/evaluation.ts';
import { launchChromium } from '../harness/chromium.ts';
import { codec, comparisonFixture, evaluationFixture } from './fixtures.ts';

const hostile = [
  '"><img src=https://example.com/x onerror=alert(1)>',
  'w'.repeat(20_000),
  '__proto__',
  '\u202eاسم عربي',
  '',
  'constructor',
  '中文'.repeat(50),
  'a b',
];
const many = Array.from({ length: 120 }, (_, i) => `class ${i}`);
const large = { size: { width: 900, height: 300 } };

const reports = {
  objects: () => evaluationReport(evaluationFixture('objects', large), codec, { command: 'moganet evaluate --data x' }),
  labels: () => evaluationReport(evaluationFixture('labels', large), codec),
  classes: () => evaluationReport(evaluationFixture('classes', { size: { width: 60, height: 400 } }), codec),
  'hostile names': () =>
    evaluationReport(evaluationFixture('objects', { classes: hostile, file: (i) => `${hostile[i]}.jpg` }), codec, {
      command: hostile.join(' '),
      title: hostile[1],
    }),
  'many classes': () => evaluationReport(evaluationFixture('objects', { classes: many }), codec),
  'a comparison': () => comparisonReport(comparisonFixture(), codec),
  'a comparison with hostile names': () =>
    comparisonReport(comparisonFixture({ classes: hostile, file: (i) => hostile[i]! }), codec),
} as const;

const views = [
  { width: 1200, height: 900, colorScheme: 'light' },
  { width: 1200, height: 900, colorScheme: 'dark' },
  { width: 390, height: 844, colorScheme: 'light' },
  { width: 390, height: 844, colorScheme: 'dark' },
] as const;

/** Returns what of the page is wider than the window, or cannot be read: run in the page. */
const faultsInPage = `(() => {
  const faults = [];
  if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is ' + document.documentElement.scrollWidth + ' wide');
  for (const image of document.images) if (!image.naturalWidth) faults.push('an image is broken: ' + image.src.slice(0, 40));
  for (const image of document.images) if (!image.hasAttribute('alt')) faults.push('an image has no alt');
  for (const svg of document.querySelectorAll('svg')) {
    if (svg.getAttribute('role') !== 'img' && svg.getAttribute('aria-hidden') !== 'true') faults.push('a drawing has no description');
  }
  for (const control of document.querySelectorAll('input')) if (!control.labels.length) faults.push('a control has no label');
  for (const table of document.querySelectorAll('.duo table')) {
    if (table.rows[0].cells.length === 3 && table.scrollWidth > table.parentElement.clientWidth) faults.push('a table of three columns is cut');
  }
  for (const table of document.querySelectorAll('table')) {
    const box = table.parentElement;
    if (table.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== 'auto') faults.push('a wide table has no box that scrolls');
  }
  for (const region of document.querySelectorAll('.scroll')) if (region.tabIndex < 0) faults.push('what scrolls cannot be reached by keyboard');
  const levels = [...document.querySelectorAll('h1, h2, h3')].map((node) => Number(node.tagName[1]));
  levels.forEach((level, i) => { if (level > (levels[i - 1] ?? 0) + 1) faults.push('a heading skips a level'); });
  for (const link of document.querySelectorAll('a[href^="#"]')) if (!document.querySelector(link.getAttribute('href'))) faults.push('a link leads nowhere');
  return faults;
})()`;

/** Opens details, loads images, and collects what the browser says. */
async function opened(page: Page, url: string): Promise<string[]> {
  const said: string[] = [];
  page.on('console', (message) => said.push(`console: ${message.text()}`));
  page.on('pageerror', (error) => said.push(`error: ${error.message}`));
  page.on('dialog', (dialog) => {
    said.push('dialog');
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith('data:') && request.url() !== url) said.push(`request: ${request.url()}`);
  });
  await page.goto(url);
  await page.evaluate(`(async () => {
    for (const one of document.querySelectorAll('details')) one.open = true;
    await Promise.all([...document.images].map((image) => image.decode()));
  })()`);
  return said;
}

describe('a report in Chromium', function () {
  this.timeout(120_000);
  let browser: Browser;
  let folder: string;

  before(async function () {
    const launched = await launchChromium();
    if (typeof launched === 'string') {
      console.log(`      skipped: ${launched}`);
      this.skip();
      return;
    }
    browser = launched;
    folder = await mkdtemp(join(tmpdir(), 'moganet-report-'));
  });

  after(async () => {
    await browser?.close();
    if (folder) await rm(folder, { recursive: true });
  });

  const written = async (name: keyof typeof reports): Promise<string> => {
    const file = join(folder, `${name}.html`);
    await writeFile(file, await reports[name]());
    return pathToFileURL(file).href;
  };

  for (const name of Object.keys(reports) as (keyof typeof reports)[]) {
    it(`opens ${name} from a file without an error or a request, and fits every window`, async () => {
      const url = await written(name);
      for (const { colorScheme, ...viewport } of views) {
        const page = await browser.newPage({ viewport, colorScheme });
        const said = await opened(page, url);
        const faults = (await page.evaluate(faultsInPage)) as string[];
        await page.close();
        expect([...said, ...faults], `${viewport.width} pixels, ${colorScheme}`).to.deep.equal([]);
      }
    });
  }

  it('hides and shows marks without a script', async () => {
    const page = await browser.newPage({ javaScriptEnabled: false });
    await page.goto(await written('objects'));
    const hit = page.locator('.marks .hit').first();
    expect(await hit.isVisible()).to.equal(true);
    await page.getByRole('checkbox', { name: 'hits', exact: true }).uncheck();
    expect(await hit.isVisible()).to.equal(false);
    expect(await page.locator('.marks .miss').first().isVisible()).to.equal(true);
    expect(await page.locator('script').count()).to.equal(0);
    await page.close();
  });

  it('has another background in the dark, and none on paper', async () => {
    const url = await written('objects');
    const page = await browser.newPage();
    await page.goto(url);
    const background = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
    await page.emulateMedia({ colorScheme: 'light' });
    const light = await background();
    await page.emulateMedia({ colorScheme: 'dark' });
    expect(await background()).to.not.equal(light);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    expect(await background()).to.equal('rgba(0, 0, 0, 0)');
    expect(await page.locator('nav').isVisible()).to.equal(false);
    await page.close();
  });
});
