/**
 * Takes the pictures of the page for README and docs, on the computer, dark, and on a phone. The page must be built:
 *
 *     npx vite build web && npx tsx scripts/web_images.ts [folder]
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { pageFolders } from '../src/cli/web.ts';
import { serve } from '../src/cli/web_server.ts';
import { launchChromium } from '../test/harness/chromium.ts';

const views = {
  'web-desktop': { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  'web-dark': { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  'web-phone': { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true, isMobile: true },
} as const;

const folder = process.argv[2] ?? 'docs';
const only = process.argv[3];
mkdirSync(folder, { recursive: true });
const browser = await launchChromium();
if (typeof browser === 'string') throw new Error(browser);
const server = await serve(pageFolders());
for (const [name, view] of Object.entries(views)) {
  if (only !== undefined && name !== only) continue;
  const page = await browser.newPage({ ...view, deviceScaleFactor: 1 });
  page.on('pageerror', (error) => console.error(`${error}`));
  page.on('console', (message) => {
    if (message.type() === 'error') console.error(message.text());
  });
  await page.goto(`${server.url}?engine=${name === 'web-phone' ? 'wasm' : 'ort-wasm'}&size=512`);
  await page.locator('#facts', { hasText: /\d m?s on / }).waitFor({ timeout: 200_000 });
  await page.waitForTimeout(500);
  await page.screenshot({ path: join(folder, `${name}.jpg`), type: 'jpeg', quality: 82 });
  await page.close();
}
await browser.close();
await server.close();
