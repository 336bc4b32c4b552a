import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import type { Page } from 'playwright-core';
import { tfjsEngine } from '../../src/engines/tfjs/engine.ts';
import { launchChromium } from '../harness/chromium.ts';
import type { EnginePage } from '../harness/engine_page.ts';
import { inputOf, net } from '../harness/small_net.ts';

/** Engines in a real browser: with and without WebGL, the wasm files and a policy, and when the device is lost. */

const wasmFolder = new URL('../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url);
const noGraphics = ['--disable-gpu', '--disable-software-rasterizer'];
const origin = 'http://engines.test';

let script = '';

interface Circumstances {
  readonly args?: readonly string[];
  /** How the server answers for the wasm files. */
  readonly wasm?: 'served' | 'missing' | 'a page instead';
  readonly policy?: string;
}

describe('engines in Chromium', function () {
  this.timeout(120_000);

  before(async () => {
    const entry = fileURLToPath(new URL('../harness/engine_page.ts', import.meta.url));
    const options = { bundle: true, write: false, format: 'iife', platform: 'browser', logLevel: 'error' } as const;
    const { outputFiles } = await build({ ...options, entryPoints: [entry] });
    script = outputFiles[0]?.text ?? '';
  });

  async function inPage<T>(
    context: Mocha.Context,
    { args = [], wasm = 'served', policy }: Circumstances,
    work: (page: Page) => Promise<T>,
  ): Promise<T> {
    const browser = await launchChromium(args);
    if (typeof browser === 'string') {
      console.log(`      skipped: ${browser}`);
      context.skip();
    }
    try {
      const page = await browser.newPage();
      await page.route('**/*', async (route) => {
        const { pathname } = new URL(route.request().url());
        const headers: Record<string, string> = policy ? { 'content-security-policy': policy } : {};
        if (pathname === '/') {
          const body = '<!doctype html><script src="/page.js"></script>';
          await route.fulfill({ contentType: 'text/html', headers, body });
        } else if (pathname === '/page.js') {
          await route.fulfill({ contentType: 'text/javascript', body: script });
        } else if (!pathname.endsWith('.wasm') || wasm === 'missing') {
          await route.fulfill({ status: 404, body: 'no' });
        } else if (wasm === 'a page instead') {
          await route.fulfill({ contentType: 'text/html', body: '<!doctype html>' });
        } else {
          const body = readFileSync(new URL(pathname.slice(1), wasmFolder));
          await route.fulfill({ contentType: 'application/wasm', body });
        }
      });
      await page.goto(`${origin}/`);
      return await work(page);
    } finally {
      await browser.close();
    }
  }

  const starts = (context: Mocha.Context, circumstances: Circumstances, ...names: readonly string[]) =>
    inPage(context, circumstances, (page) =>
      page.evaluate(
        ([wanted, paths]) => (globalThis as unknown as { enginePage: EnginePage }).enginePage.start(wanted, paths),
        [names, `${origin}/`] as const,
      ),
    );

  it('take wasm without WebGL, whatever failed before', async function () {
    const outcomes = await starts(this, { args: noGraphics }, 'auto', 'webgl', 'auto', 'wasm', 'cpu');
    expect(outcomes.map(({ name }) => name)).to.deep.equal(['wasm', 'EngineError', 'wasm', 'wasm', 'cpu']);
    expect(outcomes[0]?.hint).to.match(/cannot start its webgl backend/);
    expect(outcomes[1]?.message).to.match(/webgl backend: \S.*WebGL 2/);
  });

  it('take cpu without WebGL and without the wasm files', async function () {
    const outcomes = await starts(this, { args: noGraphics, wasm: 'missing' }, 'auto', 'wasm', 'cpu');
    expect(outcomes.map(({ name }) => name)).to.deep.equal(['cpu', 'EngineError', 'cpu']);
    expect(outcomes[0]?.hint).to.match(/webgl.*404 for http:\/\/engines\.test\/tfjs-backend-wasm\S*\.wasm.*tfjsWasm/);
  });

  it('take WebGL, in software or not, if the wasm files are missing', async function () {
    const outcomes = await starts(this, { wasm: 'missing' }, 'wasm', 'webgl', 'auto', 'cpu');
    expect(outcomes.map(({ name }) => name)).to.deep.equal(['EngineError', 'webgl', 'webgl', 'cpu']);
    expect(outcomes[0]?.message).to.match(/404 for http.*withAssets\(\{ tfjsWasm: url \}\)/);
  });

  it('say so if the server sends something else for a wasm file', async function () {
    const [wasm, cpu] = await starts(this, { wasm: 'a page instead' }, 'wasm', 'cpu');
    expect(wasm?.message).to.match(/the server sends for http\S+\.wasm is not WebAssembly/);
    expect(cpu?.name).to.equal('cpu');
  });

  it('prefer wasm to a WebGL that is computed in software', async function () {
    const [auto, webgl, again] = await starts(this, {}, 'auto', 'webgl', 'auto');
    expect([auto?.name, webgl?.name, again?.name]).to.deep.equal(['wasm', 'webgl', 'wasm']);
    expect(auto?.hint).to.match(/^WebGL is computed in software here \(.*SwiftShader.*\), so wasm was taken/);
  });

  it('tell a policy without wasm-unsafe-eval from a missing file', async function () {
    const self = "default-src 'self'";
    const [wasm, auto] = await starts(this, { args: noGraphics, policy: self }, 'wasm', 'auto');
    expect(wasm?.name).to.equal('EngineError');
    expect(wasm?.message).to.match(/WebAssembly is forbidden here \(.*\)\. Add 'wasm-unsafe-eval' to script-src/);
    expect(auto?.name).to.equal('cpu');
    const policy = `${self}; script-src 'self' 'wasm-unsafe-eval'`;
    const [allowed] = await starts(this, { args: noGraphics, policy }, 'wasm');
    expect(allowed?.name).to.equal('wasm');
  });

  it('fail within a second if the context of WebGL is lost, and start again', async function () {
    const seen = await inPage(this, {}, (page) =>
      page.evaluate(() => (globalThis as unknown as { enginePage: EnginePage }).enginePage.loseContext()),
    );
    for (const text of [seen.first, seen.second, seen.read]) expect(text).to.match(/^EngineError: .*lost its graphics/);
    expect(seen.milliseconds).to.be.below(1000);
    expect(seen.auto.name).to.equal('webgl');
    const cpu = await tfjsEngine('cpu');
    const runner = await cpu.load(net);
    const { y } = await runner.run(inputOf(8));
    const expected = (await y?.read())?.data ?? [];
    await cpu.dispose();
    expect(seen.values.length).to.equal(expected.length);
    seen.values.forEach((value, i) => {
      expect(value).to.be.closeTo(expected[i] ?? Number.NaN, 1e-4);
    });
  });

  it('keep few textures, none after they are disposed, and leave the page’s settings alone', async function () {
    const edges = [32, 64, 96, 128, 160, 192, 224, 256, 512, 640];
    const seen = await inPage(this, {}, (page) =>
      page.evaluate((given) => (globalThis as unknown as { enginePage: EnginePage }).enginePage.textures(given), edges),
    );
    expect(Math.max(...seen.during)).to.be.below(80e6);
    expect(seen.afterwards).to.equal(0);
    expect(seen.threshold).to.equal(-1);
    expect(seen.uniforms).to.equal(false);
  });
});
