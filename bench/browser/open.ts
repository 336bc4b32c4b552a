import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { Browser } from 'playwright-core';
import { root } from '../contenders.ts';
import type { Calls } from './calls.ts';

/** Pages of Chromium with this package, or with that of another checkout. */

export type Call = <K extends keyof Calls>(
  name: K,
  ...args: Parameters<Calls[K]>
) => Promise<Awaited<ReturnType<Calls[K]>>>;

const origin = 'https://bench.test';

const require = createRequire(import.meta.url);

/** The WebAssembly of both runtimes. */
function wasmFile(name: string): Buffer | undefined {
  const place = /^tfjs-backend-wasm[\w-]*\.wasm$/.test(name)
    ? '@tensorflow/tfjs-backend-wasm/dist/'
    : /^ort-wasm-simd-threaded\.(wasm|mjs)$/.test(name)
      ? 'onnxruntime-web/'
      : undefined;
  return place === undefined ? undefined : readFileSync(require.resolve(`${place}${name}`));
}

/** Opens a page of a checkout. Pages are apart: each has runtimes of its own. */
export async function openPage(browser: Browser, checkout: string): Promise<Call> {
  const source = (path: string) => join(resolve(checkout), 'src', path);
  const isBefore = resolve(checkout) !== resolve(root);
  const bundle = await build({
    absWorkingDir: root,
    entryPoints: [join(root, 'bench/browser/page.ts')],
    bundle: true,
    splitting: true,
    write: false,
    outdir: '/',
    format: 'esm',
    platform: 'browser',
    logLevel: 'error',
    alias: {
      // an earlier commit may not have the entry with onnxruntime-web
      'moganet/ort': source(isBefore ? 'index.ts' : 'ort.ts'),
      'moganet/nn': source('nn/index.ts'),
      'moganet/formats': source('formats/index.ts'),
      moganet: source('index.ts'),
    },
  });
  const scripts = new Map(bundle.outputFiles.map(({ path, text }) => [path, text]));
  const page = await browser.newPage();
  await page.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    const script = scripts.get(pathname);
    const wasm = wasmFile(pathname.slice(1));
    if (pathname === '/') {
      await route.fulfill({
        contentType: 'text/html',
        body: '<!doctype html><script type="module" src="/page.js"></script>',
      });
    } else if (script !== undefined) {
      await route.fulfill({ contentType: 'text/javascript', body: script });
    } else if (wasm) {
      const contentType = pathname.endsWith('.mjs') ? 'text/javascript' : 'application/wasm';
      await route.fulfill({ contentType, body: wasm });
    } else {
      await route.fulfill({ status: 404, body: 'no' });
    }
  });
  page.on('pageerror', (error) => console.error(`in the page: ${error}`));
  await page.goto(`${origin}/`);
  await page.waitForFunction('globalThis.bench');
  return (name, ...args) => page.evaluate(`bench.${name}(...${JSON.stringify(args)})`) as ReturnType<Call> as never;
}
