/** The library in a browser with the engines of onnxruntime-web, `webgpu` and `ort-wasm`. Importing it needs onnxruntime-web. */

import './no_eval.ts';

export * from './library/index.ts';
export * from './ort_page.ts';
