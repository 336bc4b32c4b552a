import type { BackendName } from './tfjs/backend.ts';

/** The names of the engines of a page, the preferred one first. Their code is imported when one is asked for. */

export const browserEngines: readonly BackendName[] = ['webgl', 'wasm', 'cpu'];

/** The engines of a page that has onnxruntime-web. */
export const ortEngines: readonly string[] = ['webgpu', 'ort-wasm', ...browserEngines];
