/** Keeps the page for visits without a network. */

/** Registers the service worker, which caches the page's own files. Does nothing where a browser has none, or while the page is written. */
export async function keepOffline(): Promise<void> {
  const workers: ServiceWorkerContainer | undefined = navigator.serviceWorker; // absent without https
  if (!workers || import.meta.url.endsWith('.ts')) return; // sources are served while the page is written
  await workers.register(new URL('service_worker.js', document.baseURI));
}

/** Keeps a file that was loaded before the service worker ran, such as that of an engine. */
export async function keepFiles(paths: readonly string[]): Promise<void> {
  const registration = await navigator.serviceWorker?.ready;
  registration?.active?.postMessage(paths.map((path) => new URL(path, document.baseURI).href));
}

/** Tells whether the server of the page has a file, without loading it. */
export async function isThere(path: string): Promise<boolean> {
  const response = await fetch(new URL(path, document.baseURI), { method: 'HEAD' }).catch(() => undefined);
  return response?.ok === true && !/html/.test(response.headers.get('content-type') ?? '');
}
