/**
 * Returns the URLs of the files of TensorFlow.js's wasm backend. The build puts them beside this module, and bundlers that know
 * `new URL(…, import.meta.url)` copy them to the page. Others leave the URLs beside the bundle: this module is imported when an
 * engine starts, so that esbuild puts it there, and not beside the script of a worker. Undefined in a classic script, which has no
 * URL: TensorFlow.js then looks beside the page.
 */
export function wasmUrls(): Readonly<Record<string, string>> | undefined {
  if (!import.meta.url) return undefined;
  return {
    'tfjs-backend-wasm.wasm': new URL('./tfjs-backend-wasm.wasm', import.meta.url).href,
    'tfjs-backend-wasm-simd.wasm': new URL('./tfjs-backend-wasm-simd.wasm', import.meta.url).href,
    'tfjs-backend-wasm-threaded-simd.wasm': new URL('./tfjs-backend-wasm-threaded-simd.wasm', import.meta.url).href,
  };
}
