import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { build } from 'esbuild';
import type { Browser, Page } from 'playwright-core';
import webpack from 'webpack';
import { serve } from '../../src/cli/web_server.ts';
import { launchChromium } from '../harness/chromium.ts';
import { projectsFolder, run, startNext, tool } from '../harness/projects.ts';

/** The projects of `bundlers/` with the packed package, each built by its tool without settings, and run. */

const root = fileURLToPath(new URL('../..', import.meta.url));
const photo = join(root, 'samples/images/street-house.jpg');
const weights = join(root, 'samples/weights/facade.safetensors');

interface OrtOptions {
  readonly threads?: number;
  readonly ortWasm?: string;
}

/** What a page of the projects offers. */
interface Predicting {
  predict(
    engine: string,
    options?: OrtOptions,
  ): Promise<{ readonly engine: string; readonly width: number; readonly length: number }>;
  decode(): Promise<number>;
}

describe('the packed package in a project of', () => {
  let folder: string;
  let browser: Browser | string;

  before(async function () {
    this.timeout(300_000);
    folder = projectsFolder('bundlers');
    cpSync(fileURLToPath(new URL('bundlers', import.meta.url)), folder, { recursive: true });
    browser = await launchChromium();
    if (typeof browser === 'string') console.log(`      the pages do not run: ${browser}`);
  });
  after(async () => {
    if (typeof browser === 'object') await browser.close();
  });

  const projectOf = (name: string) => join(folder, name);
  /** Opens a page, and fails if a request of it does. */
  async function inPage<T>(url: string, work: (page: Page) => Promise<T>): Promise<T | undefined> {
    if (typeof browser === 'string') return undefined;
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (error) => faults.push(`${error}`));
    page.on('response', (response) => {
      if (response.status() >= 400 && !response.url().endsWith('/favicon.ico')) faults.push(response.url());
    });
    // as isolated pages get them, in which TensorFlow.js would start threads
    const isolating = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };
    // the scripts of threads need them, too
    await page.route(`${url}**`, async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, headers: { ...response.headers(), ...isolating } });
    });
    await page.goto(url);
    expect(await page.evaluate(() => (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated)).to.equal(
      true,
    );
    await page.waitForFunction(() => 'predict' in globalThis);
    const result = await work(page);
    expect(faults, 'faults of the page').to.deep.equal([]);
    await page.close();
    return result;
  }

  const predict = (page: Page, engine = 'wasm', options: OrtOptions = {}) =>
    page.evaluate(
      ([name, given]) =>
        (globalThis as unknown as Predicting).predict(name, given).catch((error: unknown) => `${error}`),
      [engine, options] as const,
    );

  /** Serves a built page, and expects a prediction of a JPEG on an engine, the wasm of TensorFlow.js by default. */
  async function expectPrediction(built: string, engine = 'wasm', options: OrtOptions = {}): Promise<void> {
    cpSync(photo, join(built, 'photo.jpg'));
    const server = await serve({ '': built });
    try {
      const found = await inPage(server.url, (page) => predict(page, engine, options));
      expect(found ?? { ...wanted, engine }).to.deep.equal({ ...wanted, engine });
    } finally {
      await server.close();
    }
  }
  const wanted = { engine: 'wasm', width: 768, length: 100 };

  it('esbuild reads a JPEG without a file, and runs on wasm with the files beside the bundle', async () => {
    const built = join(projectOf('esbuild'), 'dist');
    const words = { bundle: true, format: 'esm', outfile: join(built, 'main.js') } as const;
    const { warnings } = await build({
      absWorkingDir: projectOf('esbuild'),
      logLevel: 'silent',
      entryPoints: ['main.js'],
      ...words,
    });
    expect(warnings.map(({ text }) => text)).to.deep.equal([]);
    for (const file of [join(projectOf('esbuild'), 'index.html'), weights]) {
      cpSync(file, join(built, file.split(/[/\\]/).at(-1)!));
    }
    cpSync(photo, join(built, 'photo.jpg'));
    const server = await serve({ '': built });
    try {
      const width = await inPage(server.url, (page) =>
        page.evaluate(() => (globalThis as unknown as Predicting).decode()),
      );
      expect(width ?? 768).to.equal(768);
    } finally {
      await server.close();
    }
    const wasmFiles = join(folder, 'node_modules/moganet/dist/src/platform');
    for (const file of readdirSync(wasmFiles).filter((name) => name.endsWith('.wasm'))) {
      cpSync(join(wasmFiles, file), join(built, file));
    }
    await expectPrediction(built);
  }).timeout(120_000);

  /** Builds a project with webpack, and expects neither errors nor warnings. */
  async function webpackBuild(context: string): Promise<string> {
    const built = join(context, 'dist-webpack');
    const output = { path: built, filename: 'main.js' };
    const stats = await new Promise<webpack.Stats | undefined>((resolve, reject) =>
      webpack({ context, mode: 'production', entry: './main.js', output }, (error, result) =>
        error ? reject(error) : resolve(result),
      ),
    );
    const { errors = [], warnings = [] } = stats?.toJson({ all: false, errors: true, warnings: true }) ?? {};
    expect(errors.map(({ message }) => message)).to.deep.equal([]);
    // of the size of the weights, and of TensorFlow.js
    expect(
      warnings.map(({ message }) => message).filter((message) => !/size limit|performance/.test(message)),
    ).to.deep.equal([]);
    cpSync(join(context, 'index.html'), join(built, 'index.html'));
    return built;
  }

  it('webpack', async () => {
    await expectPrediction(await webpackBuild(projectOf('webpack')));
  }).timeout(300_000);

  describe('moganet/worker and', () => {
    it('esbuild, with the script beside the bundle', async () => {
      const built = join(projectOf('worker'), 'dist-esbuild');
      const { warnings } = await build({
        absWorkingDir: projectOf('worker'),
        logLevel: 'silent',
        entryPoints: { main: 'main.js', 'worker/thread': 'moganet/worker/thread' },
        outdir: built,
        bundle: true,
        splitting: true,
        format: 'esm',
      });
      expect(warnings.map(({ text }) => text)).to.deep.equal([]);
      cpSync(join(projectOf('worker'), 'index.html'), join(built, 'index.html'));
      cpSync(weights, join(built, 'facade.safetensors'));
      cpSync(join(folder, 'node_modules/moganet/dist/src/platform'), built, {
        recursive: true,
        filter: (path) => !/\.[a-z.]+$/.test(path) || path.endsWith('.wasm'),
      });
      await expectPrediction(built);
    }).timeout(120_000);

    it('webpack', async () => {
      const built = await webpackBuild(projectOf('worker'));
      cpSync(weights, join(built, 'facade.safetensors'));
      await expectPrediction(built);
    }).timeout(300_000);

    it('webpack, with onnxruntime-web', async () => {
      const built = await webpackBuild(projectOf('worker-ort'));
      cpSync(weights, join(built, 'facade.safetensors'));
      await expectPrediction(built, 'ort-wasm');
    }).timeout(300_000);

    for (const [project, how] of [
      ['worker', ''],
      ['worker-own', ', with a script of the project'],
      ['worker-ort', ', with onnxruntime-web'],
    ] as const) {
      it(`Vite${how}`, async () => {
        run(projectOf(project), tool('vite/bin/vite.js'), 'build');
        const built = join(projectOf(project), 'dist');
        cpSync(weights, join(built, 'facade.safetensors'));
        await expectPrediction(built, project === 'worker-ort' ? 'ort-wasm' : 'wasm');
      }).timeout(120_000);
    }

    /** Expects a prediction of a project that Vite's development server serves. */
    async function expectInDevelopment(project: string, engine: string, include: string[]): Promise<void> {
      const { createServer } = await import('vite');
      const files = join(projectOf(project), 'public');
      mkdirSync(files, { recursive: true });
      cpSync(photo, join(files, 'photo.jpg'));
      cpSync(weights, join(files, 'facade.safetensors'));
      const server = await createServer({
        root: projectOf(project),
        configFile: false,
        logLevel: 'silent',
        // the package is beside the project here
        server: { host: '127.0.0.1', port: 0, fs: { allow: [folder, join(root, 'node_modules')] } },
        optimizeDeps: { include },
      });
      await server.listen();
      try {
        const [url = ''] = server.resolvedUrls?.local ?? [];
        const found = await inPage(url, (page) => predict(page, engine));
        expect(found ?? { ...wanted, engine }).to.deep.equal({ ...wanted, engine });
      } finally {
        await server.close();
      }
    }

    it("Vite's development server", async () => {
      await expectInDevelopment('worker', 'wasm', []);
    }).timeout(120_000);

    it("Vite's development server, with onnxruntime-web", async () => {
      await expectInDevelopment('worker-ort', 'ort-wasm', []);
      await expectInDevelopment('worker-ort', 'wasm', []);
    }).timeout(120_000);

    it("Vite's development server, with a script of the project", async () => {
      // else the page is loaded again when the worker asks for it
      await expectInDevelopment('worker-own', 'wasm', ['moganet/worker', 'moganet/worker/thread']);
    }).timeout(120_000);
  });

  describe('onnxruntime-web and', () => {
    /** The files of `ort-wasm` as they are, which Next.js and the threads of a webpack bundle need. */
    function copyOrtFiles(folder: string): void {
      mkdirSync(folder, { recursive: true });
      for (const file of ['ort-wasm-simd-threaded.wasm', 'ort-wasm-simd-threaded.mjs']) {
        cpSync(join(root, 'node_modules/onnxruntime-web/dist', file), join(folder, file));
      }
    }

    const filesOf = (built: string) => readdirSync(built, { recursive: true }).map(String);

    it('esbuild, with its file beside the bundle', async () => {
      const built = join(projectOf('ort'), 'dist-esbuild');
      const { warnings } = await build({
        absWorkingDir: projectOf('ort'),
        logLevel: 'silent',
        entryPoints: ['main.js'],
        outdir: built,
        bundle: true,
        splitting: true,
        format: 'esm',
      });
      expect(warnings.map(({ text }) => text)).to.deep.equal([]);
      cpSync(join(projectOf('ort'), 'index.html'), join(built, 'index.html'));
      cpSync(weights, join(built, 'facade.safetensors'));
      const wasm = 'ort-wasm-simd-threaded.wasm';
      cpSync(join(root, 'node_modules/onnxruntime-web/dist', wasm), join(built, wasm));
      await expectPrediction(built, 'ort-wasm');
      await expectPrediction(built, 'ort-wasm', { threads: 2 });
    }).timeout(120_000);

    it('Vite', async () => {
      run(projectOf('ort'), tool('vite/bin/vite.js'), 'build');
      const built = join(projectOf('ort'), 'dist');
      cpSync(weights, join(built, 'facade.safetensors'));
      expect(filesOf(built).filter((file) => /jsep|webgl/.test(file))).to.deep.equal([]);
      await expectPrediction(built, 'ort-wasm');
      await expectPrediction(built, 'ort-wasm', { threads: 2 });
    }).timeout(120_000);

    it('webpack', async () => {
      const built = await webpackBuild(projectOf('ort'));
      cpSync(weights, join(built, 'facade.safetensors'));
      await expectPrediction(built, 'ort-wasm');
      copyOrtFiles(join(built, 'ort'));
      await expectPrediction(built, 'ort-wasm', { threads: 2, ortWasm: '/ort/' });
    }).timeout(300_000);

    it('Next.js', async () => {
      const files = join(projectOf('next-ort'), 'public');
      copyOrtFiles(join(files, 'ort'));
      cpSync(photo, join(files, 'photo.jpg'));
      cpSync(weights, join(files, 'facade.safetensors'));
      run(projectOf('next-ort'), tool('next/dist/bin/next'), 'build');
      const server = await startNext(projectOf('next-ort'));
      try {
        const found = await inPage(server.url, (page) => predict(page, 'ort-wasm', { ortWasm: '/ort/' }));
        expect(found ?? { ...wanted, engine: 'ort-wasm' }).to.deep.equal({ ...wanted, engine: 'ort-wasm' });
      } finally {
        server.stop();
      }
    }).timeout(400_000);
  });
});
