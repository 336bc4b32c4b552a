import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { pageFolders } from '../../src/cli/web.ts';
import { type Server, serve } from '../../src/cli/web_server.ts';
import type { ResultJson } from '../../src/results/json.ts';
import { builtWeb } from '../harness/built_web.ts';
import { launchChromium } from '../harness/chromium.ts';

/** The page of `web/`, built and served as `moganet web` does, in Chromium. */

/** A page and what went wrong in it. */
export interface OpenedPage {
  readonly page: Page;
  /** Violations of the policy, errors, and requests that left the server. */
  readonly faults: readonly string[];
}

export interface WebPage {
  /** Ends with `/`. */
  readonly url: string;
  open(query?: string, options?: BrowserContextOptions): Promise<OpenedPage>;
}

/** Without a graphics card the processor computes WebGL, which takes long. */
export const patience = { timeout: 120_000 };

export const shipped = (name: string): string =>
  fileURLToPath(new URL(`../../samples/images/${name}`, import.meta.url));

/** Builds and serves the page for the tests of one `describe`. @param more arguments of Chromium */
export function webPage(more: readonly string[] = []): WebPage {
  let running: { readonly browser: Browser; readonly server: Server } | undefined;
  const started = () => {
    if (!running) throw new Error('the page is served only while its tests run');
    return running;
  };

  before(async function () {
    this.timeout(60_000);
    const browser = await launchChromium(more);
    if (typeof browser === 'string') {
      console.log(`      skipped: ${browser}`);
      this.skip();
    }
    await builtWeb();
    running = { browser, server: await serve(pageFolders()) };
  });

  after(async () => {
    await running?.browser.close();
    await running?.server.close();
  });

  return {
    get url() {
      return started().server.url;
    },
    async open(query = '', options = {}) {
      const { browser, server } = started();
      const context = await browser.newContext(options);
      const page = await context.newPage();
      page.on('close', () => void context.close());
      const faults: string[] = [];
      page.on('pageerror', (error) => faults.push(`${error}`));
      page.on('console', (message) => {
        if (message.type() === 'error') faults.push(message.text());
      });
      context.on('request', (request) => {
        if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(server.url)) faults.push(request.url());
      });
      await page.addInitScript(() => {
        document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
          console.error(`policy: ${violatedDirective} ${blockedURI}`),
        );
      });
      await page.goto(server.url + query);
      return { page, faults };
    },
  };
}

/** Waits until nothing is computed and a result is there. */
export async function settled(page: Page, engine?: string, wait = patience): Promise<void> {
  await page.locator(`body:not(.working) #facts:has-text("on ${engine ?? ''}")`).waitFor(wait);
}

/** Drops files on the page, as from the desktop. */
export async function drop(page: Page, ...files: readonly { readonly name: string; readonly bytes: Uint8Array }[]) {
  const content = files.map(({ name, bytes }) => ({ name, base64: Buffer.from(bytes).toString('base64') }));
  await page.evaluate(async (given) => {
    const transfer = new DataTransfer();
    for (const { name, base64 } of given) {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
      transfer.items.add(new File([bytes], name));
    }
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, content);
}

/** Milliseconds of tasks of more than 50 that blocked the page's thread. */
export interface LongTasks {
  /** While the network ran. */
  readonly working: readonly number[];
  /** After that: the result is built and drawn. */
  readonly drawing: readonly number[];
}

/** Watches the page's thread from now on. @returns what to call for what was seen */
export async function watchLongTasks(page: Page): Promise<() => Promise<LongTasks>> {
  await page.evaluate(() => {
    const seen: { readonly working: number[]; readonly drawing: number[] } = { working: [], drawing: [] };
    new PerformanceObserver((list) => {
      const kind = document.body.classList.contains('working') ? 'working' : 'drawing';
      seen[kind].push(...list.getEntries().map(({ duration }) => Math.round(duration)));
    }).observe({ type: 'longtask' });
    Object.assign(window, { seen });
  });
  return () => page.evaluate(() => (window as unknown as { seen: LongTasks }).seen);
}

export const dropImage = (page: Page, name: string) => drop(page, { name, bytes: readFileSync(shipped(name)) });

/** Presses "JSON" and reads the file that is saved. */
export async function savedJson(page: Page): Promise<ResultJson> {
  const saving = page.waitForEvent('download');
  await page.getByRole('button', { name: 'JSON' }).click();
  return JSON.parse(readFileSync(await (await saving).path(), 'utf8'));
}
