/** The library in a worker of a page: the same functions and results, and the page stays free while a model computes. */

import './no_eval.ts';

import type { Assets } from './browser_library.ts';
import { type RemoteLibrary, remoteLibrary } from './worker/library.ts';
import type { WorkerLike } from './worker/line.ts';
import { inPage } from './worker/start.ts';

/** How the worker is started, and URLs of WebAssembly files. */
export interface WorkerAssets extends Assets {
  /**
   * Starts the worker, whose script is `moganet/worker/thread` or calls `serve` of `moganet/worker/serve`. By default
   * `new Worker(new URL('./worker/thread.js', import.meta.url), { type: 'module' })`, which bundlers understand.
   */
  readonly worker?: (() => WorkerLike) | undefined;
}

// bundlers look for this text: they build the script, and put its URL here
declare const Worker: new (url: URL, options: { readonly type: 'module' }) => WorkerLike;
const startThread = inPage(() => new Worker(new URL('./worker/thread.js', import.meta.url), { type: 'module' }));

/** Returns a library with a worker of its own. Its models share that worker, which starts with the first and ends with the last of them. */
export function withAssets({ worker = startThread, ...assets }: WorkerAssets): RemoteLibrary {
  return remoteLibrary(worker, assets);
}

const library = withAssets({});

/**
 * Loads a model in a worker. It has the methods and results of a model of `moganet`. The caller disposes it; with the last model of a library
 * its worker ends.
 *
 * @throws as `loadModel` of `moganet`, EngineError if the worker does not start, ConfigError for an option that holds functions
 */
export const loadModel: RemoteLibrary['loadModel'] = library.loadModel;

/**
 * Loads a backbone in a worker. The caller disposes it.
 *
 * @throws as `createBackbone` of `moganet`, EngineError if the worker does not start, ConfigError for an option that holds functions
 */
export const createBackbone: RemoteLibrary['createBackbone'] = library.createBackbone;

export { encodePng } from './formats/png_write.ts';
export * from './library/index.ts';
export type { RemoteLibrary, RemoteLoadOptions } from './worker/library.ts';
export type { WorkerLike } from './worker/line.ts';
export { DrawnResult } from './worker/parcels.ts';
export { RemoteModel, type RemotePredictOptions } from './worker/remote_model.ts';
