/**
 * Takes the picture of a report for README and docs: its beginning, and its first images. The report comes from
 *
 *     npx tsx src/cli/main.ts evaluate --data <data set> --report out/report.html
 *     npx tsx scripts/report_image.ts out/report.html [docs/evaluation-report.jpg]
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { launchChromium } from '../test/harness/chromium.ts';

const [report, target = 'docs/evaluation-report.jpg'] = process.argv.slice(2);
if (report === undefined) throw new Error('name the report: npx tsx scripts/report_image.ts out/report.html');

const viewport = { width: 1120, height: 1390 };
const browser = await launchChromium();
if (typeof browser === 'string') throw new Error(browser);
const page = await browser.newPage({ viewport, colorScheme: 'light' });
await page.goto(pathToFileURL(resolve(report)).href);
await page.evaluate('Promise.all([...document.images].map((image) => image.decode()))');
// how long an image takes says how busy this machine was
await page.evaluate(
  `[...document.querySelectorAll('.tiles li')].find((one) => /Time an image/.test(one.textContent))?.remove()`,
);
const shots: string[] = [];
for (const place of ['body', 'section[id^=images-]']) {
  await page.evaluate(`document.querySelector(${JSON.stringify(place)}).scrollIntoView()`);
  await page.waitForTimeout(500);
  shots.push((await page.screenshot({ type: 'png' })).toString('base64'));
}
const sheet = await browser.newPage({ viewport: { width: 1400, height: 868 } });
const images = shots.map((shot) => `<img src="data:image/png;base64,${shot}" width="699" height="867" alt="">`);
await sheet.setContent(
  `<style>body { margin: 0; display: flex; gap: 2px; background: #c9ced9; }</style>${images.join('')}`,
);
await sheet.evaluate('Promise.all([...document.images].map((image) => image.decode()))');
await sheet.screenshot({ path: target, type: 'jpeg', quality: 84 });
await browser.close();
