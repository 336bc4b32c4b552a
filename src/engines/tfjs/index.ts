/** The engine on TensorFlow.js: cpu, wasm and webgl. */
export type { BackendName } from './backend.ts';
export { type TfjsOptions, tfjsEngine } from './engine.ts';
export { residentOf, tensorOf } from './resident.ts';
