/** The library in a worker of a page, with the engines of `moganet/ort`. It needs onnxruntime-web. */

import '../no_eval.ts';

import type { OrtAssets } from '../ort.ts';
import { type RemoteLibrary, remoteLibrary } from './library.ts';
import type { WorkerLike } from './line.ts';
import { inPage } from './start.ts';

/** How the worker is started, and URLs of WebAssembly files. */
export interface OrtWorkerAssets extends OrtAssets {
  /**
   * Starts the worker, whose script is `moganet/worker/ort-thread` or calls `serve` of `moganet/worker/serve`. By default
   * `new Worker(new URL('./ort_thread.js', import.meta.url), { type: 'module' })`, which bundlers understand.
   */
  readonly worker?: (() => WorkerLike) | undefined;
}

// bundlers look for this text: they build the script, and put its URL here
declare const Worker: new (url: URL, options: { readonly type: 'module' }) => WorkerLike;
const startThread = inPage(() => new Worker(new URL('./ort_thread.js', import.meta.url), { type: 'module' }));

/** Returns a library with a worker of its own. Its models share that worker, which starts with the first and ends with the last of them. */
export function withAssets({ worker = startThread, ...assets }: OrtWorkerAssets): RemoteLibrary {
  return remoteLibrary(worker, assets);
}

const library = withAssets({});

/**
 * Loads a model in a worker. It has the methods and results of a model of `moganet/ort`. The caller disposes it; with the last model of a library
 * its worker ends.
 *
 * @throws as `loadModel` of `moganet/ort`, EngineError if the worker does not start, ConfigError for an option that holds functions
 */
export const loadModel: RemoteLibrary['loadModel'] = library.loadModel;

/**
 * Loads a backbone in a worker. The caller disposes it.
 *
 * @throws as `createBackbone` of `moganet/ort`, EngineError if the worker does not start, ConfigError for an option that holds functions
 */
export const createBackbone: RemoteLibrary['createBackbone'] = library.createBackbone;

export { encodePng } from '../formats/png_write.ts';
export * from '../library/index.ts';
export type { RemoteLibrary, RemoteLoadOptions } from './library.ts';
export type { WorkerLike } from './line.ts';
export { DrawnResult } from './parcels.ts';
export { RemoteModel, type RemotePredictOptions } from './remote_model.ts';
