import { writeSafetensors } from '../../../src/formats/index.ts';
import { createModel, initialWeights, loadModel, type ModelConfig, type Progress } from '../../../src/index.ts';

/** Loads weights in every way that a page has. Arguments and results are plain data. */

const config: ModelConfig = {
  name: 'small',
  backbone: { type: 'moganet', arch: { dims: [8, 8, 16, 16], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] } },
  classification: { classes: ['a', 'b'], input: { size: 32 } },
};

export interface Loaded {
  readonly notices: readonly string[];
  readonly downloads: readonly Pick<Progress, 'done' | 'total' | 'cached'>[];
  readonly error?: string;
}

async function loaded(
  weights: string | Response | Blob,
  options: Parameters<typeof loadModel>[1] = {},
): Promise<Loaded> {
  const downloads: Pick<Progress, 'done' | 'total' | 'cached'>[] = [];
  const onProgress = ({ stage, done, total, cached }: Progress) =>
    void (stage === 'download' && downloads.push({ done, total, cached: cached ?? false }));
  try {
    const model = await loadModel({ config, weights }, { engine: 'cpu', onProgress, ...options });
    await model.dispose();
    return { notices: model.notices, downloads };
  } catch (error) {
    return { notices: [], downloads, error: String(error) };
  }
}

export const weightsOf = {
  /** Writes the file that the site serves. */
  async file(): Promise<number[]> {
    return [...(await writeSafetensors(initialWeights(createModel(config))).bytes())];
  },

  load: (url: string, cache?: boolean | string) => loaded(url, { cache }),

  response: async (url: string) => loaded(await fetch(url)),

  /** Drops a file on the page, as a visitor does. */
  dropped: async (url: string) => loaded(new File([await (await fetch(url)).blob()], 'mine.safetensors')),

  async shipped(): Promise<Loaded> {
    try {
      const model = await loadModel('facade', { engine: 'cpu', from: '/weights/' });
      const { notices } = model;
      await model.dispose();
      return { notices, downloads: [] };
    } catch (error) {
      return { notices: [], downloads: [], error: String(error) };
    }
  },

  kept: async () => {
    const found: string[] = [];
    for (const name of await caches.keys()) {
      for (const { url } of await (await caches.open(name)).keys()) found.push(`${name} ${new URL(url).pathname}`);
    }
    return found;
  },

  /** Aborts when the first bytes are there. */
  async aborted(url: string): Promise<string> {
    const stop = new AbortController();
    const onProgress = ({ stage, done }: Progress) =>
      void (stage === 'download' && done > 0 && stop.abort(new Error('enough')));
    return (await loaded(url, { signal: stop.signal, onProgress, cache: 'aborted' })).error ?? 'nothing was thrown';
  },

  /** Loads in a worker, whose cache is that of the page. */
  inWorker: (url: string): Promise<Loaded> => {
    const worker = new Worker('/weights.js', { type: 'module' });
    return new Promise<Loaded>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(url);
    }).finally(() => worker.terminate());
  },
};

declare global {
  interface Window {
    weightsOf: typeof weightsOf;
  }
}

if (typeof window === 'undefined') self.onmessage = async ({ data }) => self.postMessage(await loaded(data));
else window.weightsOf = weightsOf;
