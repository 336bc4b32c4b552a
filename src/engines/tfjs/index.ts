/** The engine on TensorFlow.js: cpu, wasm and webgl. */
export type { BackendName } from './backend.ts';
export { residentOf, type TfjsOptions, tensorOf, tfjsEngine } from './engine.ts';
