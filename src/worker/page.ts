/** What a page without a bundler imports of `moganet/worker` (`dist/browser/moganet-worker.js`). */

export { DroppedError, EngineError, isRefusal, MoganetError } from '../errors.ts';
export { createBackbone, loadModel, type WorkerAssets, withAssets } from '../worker.ts';
