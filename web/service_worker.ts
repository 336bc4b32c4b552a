/**
 * Serves the page without a network once it was visited. Files whose names hold a hash never change and come from the cache; others
 * come from the network if it answers. Pages get the headers that isolate them, so that engines may use several threads on servers
 * that send none.
 */

/** What of a service worker's scope is used; the DOM's types do not have it. */
interface Scope {
  readonly location: Location;
  readonly clients: { claim(): Promise<void> };
  skipWaiting(): Promise<void>;
  addEventListener(type: 'install' | 'activate', listener: (event: Extendable) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<unknown> & Extendable) => void): void;
}

interface Extendable {
  waitUntil(work: Promise<unknown>): void;
}

interface FetchEvent extends Extendable {
  readonly request: Request;
  respondWith(response: Promise<Response>): void;
}

const scope = self as unknown as Scope; // this file runs as a service worker only

/** The files of this build, which the build writes here: another build is another service worker. */
declare const builtFiles: readonly string[];

const cacheName = 'moganet-page';

const keep = async (paths: readonly string[]): Promise<void> => {
  const cache = await caches.open(cacheName);
  await Promise.all(
    paths.map(async (path) => {
      if (!(await cache.match(path))) await cache.add(path);
    }),
  );
};

scope.addEventListener('install', (event) => event.waitUntil(keep(builtFiles).then(() => scope.skipWaiting())));

scope.addEventListener('activate', (event) => event.waitUntil(dropOld().then(() => scope.clients.claim())));

scope.addEventListener('message', (event) => {
  const { data } = event;
  if (Array.isArray(data)) event.waitUntil(keep(data.filter((path) => isOwn(`${path}`))));
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || !isOwn(request.url) || request.headers.has('range')) return;
  event.respondWith(isFixed(request.url) ? fromCache(request) : fromNetwork(request));
});

const isOwn = (url: string): boolean => new URL(url, scope.location.href).origin === scope.location.origin;

/** Files with a hash in their names, and the large ones, which do not change within a version. */
const isFixed = (url: string): boolean => /\/(assets|ort|wasm|models|images|verify)\//.test(new URL(url).pathname);

/** Removes what another build has left. */
async function dropOld(): Promise<void> {
  const cache = await caches.open(cacheName);
  const wanted = new Set(builtFiles.map((path) => new URL(path, scope.location.href).href));
  const old = (await cache.keys()).filter(({ url }) => /\/assets\//.test(url) && !wanted.has(url));
  await Promise.all(old.map((request) => cache.delete(request)));
}

async function fromCache(request: Request): Promise<Response> {
  const found = await caches.match(request, { cacheName, ignoreSearch: true, ignoreVary: true });
  return found ? isolating(found) : fromNetwork(request);
}

async function fromNetwork(request: Request): Promise<Response> {
  try {
    const response = await fetch(request);
    if (response.ok) {
      const cache = await caches.open(cacheName);
      await cache.put(request, response.clone());
    }
    return isolating(response);
  } catch (error) {
    const found = await caches.match(request, { cacheName, ignoreSearch: true, ignoreVary: true });
    if (found) return isolating(found);
    throw error;
  }
}

/** Returns a response with the headers that isolate a page, if it has a type that needs them. */
function isolating(response: Response): Response {
  if (!/html|javascript/.test(response.headers.get('content-type') ?? '')) return response;
  const headers = new Headers(response.headers);
  headers.set('cross-origin-opener-policy', 'same-origin');
  headers.set('cross-origin-embedder-policy', 'require-corp');
  return new Response(response.body, { status: response.status, statusText: response.statusText, headers });
}

export type {};
