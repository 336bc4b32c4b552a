import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { version } from 'moganet';
import type { Browser, Page } from 'playwright-core';
import { serve } from '../../src/cli/web_server.ts';
import { launchChromium } from '../harness/chromium.ts';
import { projectsFolder, run, startNext, tool } from '../harness/projects.ts';

/** The sample apps with the packed package: built by their tools, and used as a visitor does. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const photo = join(root, 'samples/images/street-house.jpg');

describe('the sample app of', () => {
  let folder: string;
  let browser: Browser | string;

  before(async function () {
    this.timeout(300_000);
    folder = projectsFolder('samples');
    for (const name of ['vite', 'nextjs']) {
      cpSync(join(root, 'samples', name), join(folder, name), { recursive: true });
    }
    browser = await launchChromium();
    if (typeof browser === 'string') console.log(`      the pages do not run: ${browser}`);
  });
  after(async () => {
    if (typeof browser === 'object') await browser.close();
  });

  /** Chooses a photo in the page, and expects instances on the engine `wasm`. */
  async function expectInstances(url: string): Promise<void> {
    if (typeof browser === 'string') return;
    const page: Page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(`${error}`));
    page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().includes('404')) faults.push(message.text());
    });
    page.on('response', (response) => {
      if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) faults.push(response.url());
    });
    await page.goto(`${url}?engine=wasm`);
    const status = page.getByRole('status');
    await status.filter({ hasText: 'Choose a picture' }).waitFor({ timeout: 60_000 });
    await page.getByLabel('Picture').setInputFiles(photo);
    await status.filter({ hasText: /Found [1-9]\d* on wasm/ }).waitFor({ timeout: 60_000 });
    expect(await page.locator('canvas').evaluate((canvas) => Reflect.get(canvas, 'width'))).to.equal(768);
    expect(faults, 'faults of the page').to.deep.equal([]);
    await page.close();
  }

  it('Vite finds instances in a chosen photo, in a worker and under a Content-Security-Policy', async () => {
    const project = join(folder, 'vite');
    const output = run(project, tool('vite/bin/vite.js'), 'build');
    expect(output).not.to.match(/doesn't exist at build time|externalized for browser/);
    const built = join(project, 'dist');
    const policy = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'";
    // isolated pages, in which TensorFlow.js would start threads
    const isolating = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
    const server = await serve({ '': built }, { headers: { 'content-security-policy': policy, ...isolating } });
    try {
      await expectInstances(server.url);
    } finally {
      await server.close();
    }
    const page = readFileSync(join(built, 'index.html'), 'utf8');
    const loaded = new Set([...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map(([, path = '']) => path));
    for (const path of loaded) {
      const text = readFileSync(join(built, path), 'utf8');
      for (const [, other = ''] of text.matchAll(/\bfrom\s*["'`]\.\/([^"'`]+)["'`]/g)) loaded.add(`assets/${other}`);
    }
    const first = [...loaded].map((path) => gzipSync(readFileSync(join(built, path))).length / 1000);
    const kilobytes = first.reduce((sum, one) => sum + one, 0);
    console.log(`      ${kilobytes.toFixed(1)} kB compressed on the page's side, in ${loaded.size} files`);
    expect(kilobytes).to.be.within(10, 120);
    expect(readdirSync(join(built, 'assets')).filter((file) => /^facade.*\.safetensors$/.test(file))).to.have.length(1);
  }).timeout(300_000);

  for (const bundler of ['turbopack', 'webpack'] as const) {
    it(`Next.js with ${bundler} finds instances on the server and in the page`, async () => {
      const project = join(folder, 'nextjs');
      run(project, 'copy_files.js');
      run(project, tool('next/dist/bin/next'), 'build', `--${bundler}`);
      const server = await startNext(project);
      try {
        const html = await (await fetch(server.url)).text();
        expect(html.replace(/<!-- -->/g, ''))
          .to.include(`moganet ${version}`)
          .and.include('Loading the model');
        const response = await fetch(`${server.url}api/predict`, { method: 'POST', body: readFileSync(photo) });
        const found = (await response.json()) as { readonly engine: string; readonly detection: readonly unknown[] };
        expect(found.engine).to.equal('onnxruntime');
        expect(found.detection).to.have.length.above(5);
        await expectInstances(server.url);
      } finally {
        server.stop();
      }
    }).timeout(400_000);
  }
});
