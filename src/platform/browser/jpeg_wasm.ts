import { EngineError } from '../../errors.ts';

/**
 * Compiles the JPEG decoder from `url`: where the page serves `mozjpeg_dec.wasm` of `@jsquash/jpeg/codec/dec`.
 * The default is beside the bundle.
 */
export function jpegWasmFrom(url: string | URL = new URL('./mozjpeg_dec.wasm', import.meta.url)) {
  return async (): Promise<WebAssembly.Module> => {
    const response = await fetch(url);
    if (!response.ok) {
      throw new EngineError(
        `the JPEG decoder is not at ${url} (status ${response.status}). ` +
          'Serve mozjpeg_dec.wasm of @jsquash/jpeg there, or pass its address to jpegWasmFrom.',
      );
    }
    // not compileStreaming: it insists on a content type that static servers often do not send
    return WebAssembly.compile(await response.arrayBuffer());
  };
}
