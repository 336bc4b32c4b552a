/**
 * Serves the page without a network once it was visited. Files whose names hold a hash never change and come from the cache; others
 * come from the network if it answers. Pages get the headers that isolate them, so that engines may use several threads on servers
 * that send none. Each build has a cache of its own: a page that still runs the former build finds its files until it is closed.
 */

/** What of a service worker's scope is used; the DOM's types do not have it. */
interface Scope {
  readonly location: Location;
  readonly clients: { claim(): Promise<void> };
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

/** The files of this build and its name, which the build writes here: another build is another service worker. */
declare const builtFiles: readonly string[];
declare const buildName: string;

/** What the caches of all builds of this page begin with; another folder of the server may have another page. */
const caching = `moganet-page ${new URL('./', scope.location.href).pathname} `;
const cacheName = caching + buildName;

const keep = async (paths: readonly string[]): Promise<void> => {
  const cache = await caches.open(cacheName);
  await Promise.all(
    paths.map(async (path) => {
      // some names are those of another build, too: the server says whether the browser has the right file
      if (!(await cache.match(path))) await cache.add(new Request(path, { cache: 'no-cache' }));
    }),
  );
};

// it does not skip the wait: pages of the former build would miss the files that they load later
scope.addEventListener('install', (event) => event.waitUntil(keep(builtFiles)));

scope.addEventListener('activate', (event) => event.waitUntil(dropOld().then(() => scope.clients.claim())));

scope.addEventListener('message', (event) => {
  const { data } = event;
  if (Array.isArray(data)) event.waitUntil(keep(data.filter((path) => isOwn(`${path}`))));
});

scope.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET' || !isOwn(request.url) || request.headers.has('range')) return;
  event.respondWith(isFixed(request.url) ? fromCache(event) : fromNetwork(event));
});

const isOwn = (url: string): boolean => new URL(url, scope.location.href).origin === scope.location.origin;

/** Files with a hash in their names, and the large ones, which do not change within a version. */
const isFixed = (url: string): boolean => /\/(assets|ort|wasm|models|images|verify)\//.test(new URL(url).pathname);

/** Removes what other builds have left, once no page runs them. */
async function dropOld(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(caching) && name !== cacheName);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function fromCache(event: FetchEvent): Promise<Response> {
  const { request } = event;
  const found = await caches.match(request, { cacheName, ignoreSearch: true, ignoreVary: true });
  return found ? isolating(found) : fromNetwork(event);
}

async function fromNetwork(event: FetchEvent): Promise<Response> {
  const { request } = event;
  try {
    const response = await fetch(request);
    // beside the answer, which the page reads as it comes; without room for a copy it has the answer all the same
    if (response.ok) event.waitUntil(copy(request, response.clone()).catch(() => {}));
    return isolating(response);
  } catch (error) {
    const found = await caches.match(request, { cacheName, ignoreSearch: true, ignoreVary: true });
    if (found) return isolating(found);
    throw error;
  }
}

async function copy(request: Request, response: Response): Promise<void> {
  const cache = await caches.open(cacheName);
  await cache.put(request, response);
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
