import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { Named, NDArray } from '../../src/arrays.ts';
import type { BackendName } from '../../src/engines/tfjs/backend.ts';
import type { DeviceTensor, Engine } from '../../src/nn/index.ts';
import type { Counts, Page, Parcel } from './browser_engine_page.ts';
import { launchChromium } from './chromium.ts';

/**
 * An engine in a real browser, for tests in Node. Programs are plain data and are sent to the page. Every input and
 * output travels, so keep sizes small.
 */
export interface BrowserEngine extends Engine {
  tensorCount(): Promise<number>;
  counts(): Promise<Counts>;
}

/** Starts the engine, or returns the reason why it cannot start. */
export async function browserEngine(backend: BackendName): Promise<BrowserEngine | string> {
  const browser = await launchChromium();
  if (typeof browser === 'string') return browser;
  const entry = fileURLToPath(new URL('./browser_engine_page.ts', import.meta.url));
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'iife',
    platform: 'browser',
    logLevel: 'error',
  });
  try {
    const tab = await browser.newPage();
    await tab.addScriptTag({ content: outputFiles[0]!.text });
    const call = <K extends keyof Page>(name: K, ...args: Parameters<Page[K]>): Promise<Awaited<ReturnType<Page[K]>>> =>
      // the function runs in the page, where the bundle has set `moganetPage`
      tab.evaluate(
        ([method, given]) => {
          const page = (globalThis as unknown as { moganetPage: Record<string, (...rest: unknown[]) => unknown> })
            .moganetPage;
          return page[method]!(...given);
        },
        [name, args] as [string, unknown[]],
      ) as Promise<Awaited<ReturnType<Page[K]>>>;
    const detail = await call('start', backend);
    return {
      name: backend,
      detail,
      load: async ({ name, graph, weights }) => {
        const used = new Set(graph.nodes.flatMap((node) => (node.op === 'param' ? [node.attributes.key] : [])));
        const parcels = [...weights]
          .filter(([key]) => used.has(key))
          .map(([key, value]) => [key, pack(value)] as const);
        const runner = await call('load', name, graph, parcels);
        return {
          run: async (inputs: Named<NDArray | DeviceTensor>) => {
            const given: Record<string, Parcel> = {};
            for (const [key, value] of Object.entries(inputs))
              given[key] = pack('read' in value ? await value.read() : value);
            const outputs = await call('run', runner, given);
            return Object.fromEntries(Object.entries(outputs).map(([key, parcel]) => [key, arrived(parcel)]));
          },
          dispose: () => void call('dispose', runner),
        };
      },
      tensorCount: () => call('tensorCount'),
      counts: () => call('counts'),
      dispose: () => browser.close(),
    };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

const pack = ({ shape, data }: NDArray): Parcel => ({ shape, data: [...data] });

const arrived = ({ shape, data }: Parcel): DeviceTensor => ({
  shape,
  read: async () => ({ shape, data: Float32Array.from(data) }),
  dispose: () => {},
});
