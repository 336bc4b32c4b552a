import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Browser } from 'playwright-core';
import { packed } from '../../scripts/pack.ts';
import { type Server, serve } from '../../src/cli/web_server.ts';
import { launchChromium } from '../harness/chromium.ts';

/** The files of `dist/browser` in a page without a bundler: a static folder, one import, and the policy that docs/no_bundler.md names. */

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the pages of this test export to the browser. */
interface Predicting {
  predict(engine: string): Promise<{ readonly engine: string; readonly width: number; readonly length: number }>;
}

const page = (module: string, assets: string) => `
import { withAssets } from './moganet/${module}';

const { loadModel } = withAssets(${assets});
globalThis.predict = async (engine) => {
  const model = await loadModel({ config: 'facade', weights: 'facade.safetensors' }, { engine });
  const { image, length } = await model.predict('photo.jpg', { size: { height: 64, width: 64 } });
  await model.dispose();
  return { engine: model.engine.name, width: image.width, length };
};`;

describe('the files for pages without a bundler', () => {
  const folder = mkdtempSync(join(tmpdir(), 'moganet-page-'));
  const files = join(folder, 'moganet');
  let browser: Browser | string;
  let server: Server;

  before(async function () {
    this.timeout(300_000);
    const whole = join(folder, 'package');
    mkdirSync(whole);
    execFileSync('tar', ['-xzf', packed(), '-C', whole, '--strip-components=1']);
    cpSync(join(whole, 'dist/browser'), files, { recursive: true });
    cpSync(join(root, 'samples/weights/facade.safetensors'), join(folder, 'facade.safetensors'));
    cpSync(join(root, 'samples/images/street-house.jpg'), join(folder, 'photo.jpg'));
    mkdirSync(join(folder, 'ort'));
    for (const file of ['ort-wasm-simd-threaded.wasm', 'ort-wasm-simd-threaded.mjs']) {
      cpSync(join(root, 'node_modules/onnxruntime-web/dist', file), join(folder, 'ort', file));
    }
    for (const [name, module, assets] of [
      ['plain', 'moganet.js', '{}'],
      ['ort', 'moganet-ort.js', "{ ortWasm: new URL('ort/', location.href).href }"],
    ] as const) {
      writeFileSync(join(folder, `${name}.js`), page(module, assets));
      writeFileSync(join(folder, `${name}.html`), `<!doctype html><script type="module" src="${name}.js"></script>`);
    }
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'";
    server = await serve({ '': folder }, { headers: { 'content-security-policy': policy } });
    browser = await launchChromium();
    if (typeof browser === 'string') console.log(`      the pages do not run: ${browser}`);
  });
  after(async () => {
    if (typeof browser === 'object') await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Returns the files that a module loads before anything is called, and their compressed size in kB. */
  function atFirst(module: string): { readonly names: readonly string[]; readonly kilobytes: number } {
    const names = new Set([module]);
    let bytes = 0;
    for (const name of names) {
      const text = readFileSync(join(files, name), 'utf8');
      bytes += gzipSync(text).length;
      for (const [, other = ''] of text.matchAll(/(?:\bfrom|\bimport)\s*"\.\/([^"]+)"/g)) names.add(other);
    }
    return { names: [...names], kilobytes: bytes / 1000 };
  }

  for (const module of ['moganet.js', 'moganet-ort.js']) {
    it(`${module} loads at most 118 kB before an engine is chosen`, () => {
      const { names, kilobytes } = atFirst(module);
      console.log(`      ${kilobytes.toFixed(1)} kB compressed in ${names.length} files`);
      expect(names.filter((name) => !readdirSync(files).includes(name))).to.deep.equal([]);
      expect(kilobytes).to.be.within(60, 118);
    });
  }

  for (const [name, engine] of [
    ['plain', 'wasm'],
    ['plain', 'cpu'],
    ['ort', 'ort-wasm'],
  ] as const) {
    it(`run the engine ${engine} and read a JPEG under a Content-Security-Policy`, async function () {
      if (typeof browser === 'string') this.skip();
      const opened = await browser.newPage();
      const faults: string[] = [];
      opened.on('pageerror', (error) => faults.push(`${error}`));
      opened.on('console', (message) => {
        if (message.type() === 'error' && !message.text().includes('404')) faults.push(message.text());
      });
      opened.on('response', (response) => {
        if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) faults.push(response.url());
      });
      await opened.goto(`${server.url}${name}.html`);
      await opened.waitForFunction(() => 'predict' in globalThis);
      const found = await opened.evaluate(
        (wanted) => (globalThis as unknown as Predicting).predict(wanted).catch((error: unknown) => `${error}`),
        engine,
      );
      await opened.close();
      expect(found).to.deep.equal({ engine, width: 768, length: 100 });
      expect(faults).to.deep.equal([]);
    }).timeout(120_000);
  }
});
