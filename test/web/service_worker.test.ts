import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { expect } from 'chai';
import { transformSync } from 'esbuild';

/** The service worker of the page, run in Node with the parts of a browser that it uses. */

const source = new URL('../../web/service_worker.ts', import.meta.url);
const folder = 'https://page.example/app/';
const { code } = transformSync(readFileSync(source, 'utf8'), { loader: 'ts' });

type Listener = (event: object) => void;
const urlOf = (request: string | Request) => new URL(typeof request === 'string' ? request : request.url, folder).href;

/** A browser whose caches outlive its service workers. */
function browser() {
  const stored = new Map<string, Map<string, Response>>();
  const requests: string[] = [];
  const state = { isFull: false, skipped: 0 };
  const fetched = async (request: string | Request) => {
    requests.push(urlOf(request));
    return new Response(`content of ${urlOf(request)}`);
  };
  const cacheOf = (name: string) => {
    const entries = stored.get(name) ?? new Map<string, Response>();
    stored.set(name, entries);
    const put = async (request: string | Request, response: Response) => {
      if (state.isFull) throw new DOMException('no room', 'QuotaExceededError');
      entries.set(urlOf(request), response);
    };
    return {
      put,
      match: async (request: string | Request) => entries.get(urlOf(request))?.clone(),
      add: async (request: string | Request) => put(request, await fetched(request)),
    };
  };
  const caches = {
    open: async (name: string) => cacheOf(name),
    keys: async () => [...stored.keys()],
    delete: async (name: string) => stored.delete(name),
    match: async (request: Request, { cacheName }: { readonly cacheName: string }) => cacheOf(cacheName).match(request),
  };
  /** Runs the service worker of a build. */
  const start = (name: string, files: readonly string[]) => {
    const listeners = new Map<string, Listener>();
    const self = {
      location: new URL('service_worker.js', folder),
      clients: { claim: async () => {} },
      skipWaiting: async () => void state.skipped++,
      addEventListener: (type: string, listener: Listener) => listeners.set(type, listener),
    };
    class PageRequest extends Request {
      constructor(path: string, init?: RequestInit) {
        super(urlOf(path), init);
      }
    }
    const globals = { self, caches, fetch: fetched, Request: PageRequest, Response, Headers, URL };
    runInNewContext(`const builtFiles = ${JSON.stringify(files)}, buildName = '${name}';\n${code}`, globals);
    const waited = async (type: string, event: object = {}) => {
      const works: Promise<unknown>[] = [];
      let answer: Promise<Response> | undefined;
      const respondWith = (response: Promise<Response>) => {
        answer = response;
      };
      listeners.get(type)?.({ ...event, respondWith, waitUntil: (work: Promise<unknown>) => works.push(work) });
      const response = await answer;
      await Promise.all(works);
      return response;
    };
    return {
      install: () => waited('install'),
      activate: () => waited('activate'),
      get: (path: string) => waited('fetch', { request: new PageRequest(path) }),
    };
  };
  return { start, stored, requests, state };
}

describe('the service worker of the page', () => {
  it('leaves a page of the former build its files until it is closed', async () => {
    const { start, stored, requests, state } = browser();
    const former = start('1', ['./', 'assets/old.js', 'wasm/kernels.wasm']);
    await former.install();
    await former.activate();
    const next = start('2', ['./', 'assets/new.js', 'wasm/kernels.wasm']);
    await next.install();
    expect(state.skipped, 'it waits for the pages').to.equal(0);
    const before = requests.length;
    expect(await (await former.get('assets/old.js'))?.text()).to.equal(`content of ${folder}assets/old.js`);
    expect(requests, 'the file comes from the cache').to.have.length(before);
    expect(
      requests.filter((url) => url.endsWith('kernels.wasm')),
      'a file of the same name',
    ).to.have.length(2);
    await next.activate();
    expect(
      [...stored.values()].map((entries) => [...entries.keys()].map((url) => url.slice(folder.length))),
    ).to.deep.equal([['', 'assets/new.js', 'wasm/kernels.wasm']]);
  });

  it('leaves the caches of others alone', async () => {
    const { start, stored } = browser();
    for (const name of ['moganet-weights', 'moganet-page /other/ 1']) stored.set(name, new Map());
    const worker = start('1', ['./']);
    await worker.install();
    await worker.activate();
    expect([...stored.keys()]).to.include.members(['moganet-weights', 'moganet-page /other/ 1']);
    expect(stored.size).to.equal(3);
  });

  it('answers also when there is no room to keep the answer', async () => {
    const { start, state } = browser();
    const worker = start('1', []);
    state.isFull = true;
    expect(await (await worker.get('models/large.safetensors'))?.text()).to.include('models/large.safetensors');
  });
});
