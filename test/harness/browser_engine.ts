import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Named, NDArray } from '../../src/arrays.ts';
import type { OrtEngineOptions } from '../../src/engines/ort.ts';
import type { BackendName } from '../../src/engines/tfjs/backend.ts';
import type { DeviceTensor, Engine } from '../../src/nn/index.ts';
import type { Page, Parcel, Started } from './browser_engine_page.ts';
import { launchChromium } from './chromium.ts';

/**
 * An engine in a real browser, for tests in Node. Programs are plain data and are sent to the page. Every input and
 * output travels, so keep sizes small.
 */
export interface BrowserEngine extends Engine {
  tensorCount(): Promise<number>;
}

/** Starts an engine of TensorFlow.js, or returns the reason why it cannot start. */
export async function browserEngine(backend: BackendName): Promise<BrowserEngine | string> {
  const page = await enginePage();
  return typeof page === 'string' ? page : page.engine(backend);
}

/** A page in which engines can be started. */
export interface EnginePage {
  /** Starts an engine. Its disposal closes the browser. */
  engine(name: string, options?: OrtEngineOptions): Promise<BrowserEngine>;
  /** Starts an engine. Its disposal leaves the page open for the next one. */
  borrow(name: string, options?: OrtEngineOptions): Promise<BrowserEngine>;
  /** Loads the page anew: what TensorFlow.js and onnxruntime-web have found out once is forgotten. */
  reload(): Promise<void>;
  call<K extends keyof Page>(name: K, ...args: Parameters<Page[K]>): Promise<Awaited<ReturnType<Page[K]>>>;
  close(): Promise<void>;
}

export interface PageOptions {
  /** More arguments of Chromium. */
  readonly args?: readonly string[];
  /** Sends the headers with which a page may start threads. */
  readonly isolated?: boolean;
  /** Folder under which the files of onnxruntime-web are served; by default the bundle's, where it looks itself. */
  readonly ortFolder?: string;
}

const origin = 'https://engines.test';
const ortFiles = new URL('../../node_modules/onnxruntime-web/dist/', import.meta.url);

const tfjsFiles = new URL('../../node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url);

/** Arguments of Chromium for a WebGPU that the processor computes. */
export const softwareWebgpu: readonly string[] = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'];

/** Where the page finds the files of the engine `wasm`. */
export const wasmPaths = `${origin}/tfjs/`;

/** Opens a page, or returns the reason why it cannot be. */
export async function enginePage({ args, isolated, ortFolder = '/' }: PageOptions = {}): Promise<EnginePage | string> {
  const browser = await launchChromium(args);
  if (typeof browser === 'string') return browser;
  const entry = fileURLToPath(new URL('./browser_engine_page.ts', import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    splitting: true,
    write: false,
    outdir: '/',
    format: 'esm',
    platform: 'browser',
    logLevel: 'error',
  });
  const scripts = new Map(outputFiles.map(({ path, text }) => [path, text]));
  const tab = await browser.newPage();
  const headers: Record<string, string> = isolated
    ? { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' }
    : {};
  await tab.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url());
    const script = scripts.get(pathname);
    if (pathname === '/') {
      const body = '<!doctype html><script type="module" src="/browser_engine_page.js"></script>';
      await route.fulfill({ contentType: 'text/html', headers, body });
    } else if (script !== undefined) {
      await route.fulfill({ contentType: 'text/javascript', headers, body: script });
    } else if (pathname.startsWith(`${ortFolder}ort-wasm-simd-threaded.`)) {
      const contentType = pathname.endsWith('.mjs') ? 'text/javascript' : 'application/wasm';
      const body = readFileSync(new URL(pathname.slice(ortFolder.length), ortFiles));
      await route.fulfill({ contentType, headers, body });
    } else if (pathname.startsWith('/tfjs/')) {
      const body = readFileSync(new URL(pathname.slice('/tfjs/'.length), tfjsFiles));
      await route.fulfill({ contentType: 'application/wasm', headers, body });
    } else {
      await route.fulfill({ status: 404, body: 'no' });
    }
  });
  const reload = async (): Promise<void> => {
    await tab.goto(`${origin}/`);
    await tab.waitForFunction(() => 'moganetPage' in globalThis);
  };
  await reload();

  const call = <K extends keyof Page>(name: K, ...given: Parameters<Page[K]>): Promise<Awaited<ReturnType<Page[K]>>> =>
    // the function runs in the page, where the bundle has set `moganetPage`
    tab.evaluate(
      ([method, values]) => {
        const page = (globalThis as unknown as { moganetPage: Record<string, (...rest: unknown[]) => unknown> })
          .moganetPage;
        return page[method]!(...values);
      },
      [name, given] as [string, unknown[]],
    ) as Promise<Awaited<ReturnType<Page[K]>>>;

  return {
    call,
    close: () => browser.close(),
    reload,
    borrow: async (name, options) => engineIn(await call('start', name, options), call, () => call('end')),
    engine: async (name, options) => {
      try {
        return engineIn(await call('start', name, options), call, () => browser.close());
      } catch (error) {
        await browser.close();
        throw error;
      }
    },
  };
}

/** Opens a page before the tests of one `describe`, and closes it after them. */
export function usePage(options: PageOptions = {}): { readonly page: EnginePage } {
  let opened: EnginePage | undefined;
  before(async function () {
    const page = await enginePage(options);
    if (typeof page === 'string') {
      console.log(`      skipped: ${page}`);
      this.skip();
    }
    opened = page;
  });
  after(() => opened?.close());
  return {
    get page() {
      return opened as EnginePage; // tests run only if there is one
    },
  };
}

function engineIn(started: Started, call: EnginePage['call'], dispose: () => Promise<void>): BrowserEngine {
  return {
    ...started,
    load: async ({ name, graph, weights, readers }) => {
      const used = new Set(graph.nodes.flatMap((node) => (node.op === 'param' ? [node.attributes.key] : [])));
      const parcels = [...weights].filter(([key]) => used.has(key)).map(([key, value]) => [key, pack(value)] as const);
      const runner = await call('load', name, graph, parcels, readers);
      return {
        run: async (inputs: Named<NDArray | DeviceTensor>, wanted?: readonly string[]) => {
          const given: Record<string, Parcel> = {};
          for (const [key, value] of Object.entries(inputs))
            given[key] = pack('read' in value ? await value.read() : value);
          const outputs = await call('run', runner, given, wanted);
          return Object.fromEntries(Object.entries(outputs).map(([key, parcel]) => [key, arrived(parcel)]));
        },
        dispose: () => void call('dispose', runner),
      };
    },
    tensorCount: () => call('tensorCount'),
    dispose,
  };
}

/** Makes an array ready to travel. */
export const pack = ({ shape, data }: NDArray): Parcel => ({
  shape,
  data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString('base64'),
});

/** Makes the bytes of a file ready to travel. */
export const fileParcel = (bytes: Uint8Array): Parcel => ({
  shape: [],
  data: Buffer.from(bytes).toString('base64'),
});

const arrived = ({ shape, data }: Parcel): DeviceTensor => {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'));
  const values = new Float32Array(bytes.buffer);
  return { shape, read: async () => ({ shape, data: values }), dispose: () => {} };
};
