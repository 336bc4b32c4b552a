import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import { browserBundle, buildSample, type Server, serve, wasmFiles } from '../../scripts/build_browser.ts';
import { launchChromium } from './chromium.ts';
import { shippedGolden } from './golden.ts';

/** Pages in Chromium, and the servers behind them. */

/** A folder that is served, and a browser to look at it. */
export interface Site {
  readonly address: string;
  open(path?: string): Promise<Page>;
}

/**
 * A site and a browser for the tests of one `describe`. Where there is no Chromium they are skipped with the reason, but
 * fail where MOGANET_REQUIRE_BROWSER=1 says that there must be one.
 *
 * @param prepare fills the site's folder
 */
export function useSite(prepare: (folder: string) => Promise<void>): Site {
  let browser: Browser | undefined;
  let server: Server | undefined;
  // a folder per run, since two runs may work at once
  const folder = mkdtempSync(join(tmpdir(), 'moganet-site-'));

  before(async function () {
    const launched = await launchChromium();
    if (typeof launched === 'string') {
      console.log(`      skipped: ${launched}`);
      this.skip();
    }
    browser = launched;
    await prepare(folder);
    server = await serve(folder);
  });

  after(async () => {
    await browser?.close();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  return {
    get address() {
      return server!.address;
    },
    open: async (path = '') => {
      const page = await browser!.newPage();
      page.on('pageerror', (error) => console.error(`      in the page: ${error}`));
      await page.goto(server!.address + path);
      return page;
    },
  };
}

/** Images of every form; beside the project, and not part of it. */
export const sampleSet = new URL('../../../shared/samples', import.meta.url);

/** The browser sample as users build it. */
export const sampleSite = (): Site => useSite(buildSample);

/** A page with the library, the golden runners and the files they read: `test/browser/page/page.ts`. */
export function libraryPage(): Site {
  return useSite(async (folder) => {
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
    for (const file of wasmFiles) cpSync(file, join(folder, basename(file)));
    if (existsSync(sampleSet)) cpSync(sampleSet, join(folder, 'samples'), { recursive: true });
  });
}

/** The golden runners read files; in a page they get them from the server. */
const filesOfTheSite: Plugin = {
  name: 'files of the site',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^node:(fs|path)$/ }, ({ path, importer }) => {
      // the library itself must do without
      if (!dirname(importer).includes('test/harness')) return undefined;
      const shim = path === 'node:fs' ? 'files.ts' : 'paths.ts';
      return { path: fileURLToPath(new URL(`../browser/page/${shim}`, import.meta.url)) };
    });
  },
};
