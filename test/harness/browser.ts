import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { tfjsWasmFiles } from '../../scripts/build_page_files.ts';
import { type Server, serve } from '../../src/cli/web_server.ts';
import { browserBundle } from './browser_bundle.ts';
import { launchChromium } from './chromium.ts';
import { shippedGolden } from './golden.ts';

/** Pages in Chromium, and the servers behind them. */

/** A folder that is served, and a browser to look at it. */
export interface Site {
  /** Ends with `/`. */
  readonly url: string;
  open(path?: string): Promise<Page>;
}

/**
 * Serves a site and starts a browser for the tests of one `describe`. Without Chromium they are skipped with the
 * reason; with MOGANET_REQUIRE_BROWSER=1 they fail.
 *
 * @param prepare fills the site's folder
 */
export function servedSite(prepare: (folder: string) => Promise<void>): Site {
  let running: { readonly browser: Browser; readonly server: Server } | undefined;
  const started = () => {
    if (!running) throw new Error('the site is open only while its tests run');
    return running;
  };
  // a folder per run, since two runs may be active at once
  const folder = mkdtempSync(join(tmpdir(), 'moganet-site-'));

  before(async function () {
    const launched = await launchChromium();
    if (typeof launched === 'string') {
      console.log(`      skipped: ${launched}`);
      this.skip();
    }
    await prepare(folder);
    running = { browser: launched, server: await serve({ '': folder }) };
  });

  after(async () => {
    await running?.browser.close();
    await running?.server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    get url() {
      return started().server.url;
    },
    open: async (path = '') => {
      const { browser, server } = started();
      const page = await browser.newPage();
      page.on('pageerror', (error) => console.error(`      in the page: ${error}`));
      await page.goto(server.url + path);
      return page;
    },
  };
}

/** Images of every form, in a folder beside the project that is not part of it. */
export const sampleSet = new URL('../../../shared/samples', import.meta.url);

/** Serves a page with the library, the golden runners and the files that they read: `test/browser/page/page.ts`. */
export function libraryPage(): Site {
  return servedSite(async (folder) => {
    await build({
      ...browserBundle,
      entryPoints: [fileURLToPath(new URL('../browser/page/page.ts', import.meta.url))],
      outdir: folder,
      minify: false,
      plugins: [filesOfTheSite],
    });
    for (const [from, to] of [
      [new URL('../browser/page/index.html', import.meta.url), 'index.html'],
      [new URL('../../samples/images', import.meta.url), 'images'],
      [new URL('../../samples/weights', import.meta.url), 'weights'],
      [shippedGolden, 'golden'],
    ] as const) {
      cpSync(from, join(folder, to), { recursive: true });
    }
    for (const file of tfjsWasmFiles) cpSync(file, join(folder, basename(file)));
    if (existsSync(sampleSet)) cpSync(sampleSet, join(folder, 'samples'), { recursive: true });
  });
}

/** Lets the golden runners read files from the server. */
const filesOfTheSite: Plugin = {
  name: 'files of the site',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^node:(fs|path)$/ }, ({ path, importer }) => {
      // the library itself must work without files
      if (!dirname(importer).includes('test/harness')) return undefined;
      const shim = path === 'node:fs' ? 'files.ts' : 'paths.ts';
      return { path: fileURLToPath(new URL(`../browser/page/${shim}`, import.meta.url)) };
    });
  },
};
