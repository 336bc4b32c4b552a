import { EngineError } from '../../errors.ts';

/**
 * Compiles the JPEG decoder from where the page serves `mozjpeg_dec.wasm` of `@jsquash/jpeg/codec/dec`; without an address,
 * from beside the bundle.
 *
 * @throws EngineError where it is not there
 */
export function jpegWasmFrom(url?: string | URL) {
  return async (): Promise<WebAssembly.Module> => {
    // only now: a bundle in a classic script has no address of its own, and need not read JPEGs
    const address = url ?? new URL('./mozjpeg_dec.wasm', import.meta.url);
    const response = await fetch(address).catch((cause: unknown) => {
      throw missing(address, cause instanceof Error ? cause.message : `${cause}`, cause);
    });
    if (!response.ok) throw missing(address, `status ${response.status}`);
    // not compileStreaming: it insists on a content type that static servers often do not send
    return WebAssembly.compile(await response.arrayBuffer()).catch((cause: unknown) => {
      throw missing(address, 'the server sends something else', cause);
    });
  };
}

function missing(address: string | URL, why: string, cause?: unknown): EngineError {
  return new EngineError(
    `the JPEG decoder is not at ${address} (${why}). ` +
      'Serve mozjpeg_dec.wasm of @jsquash/jpeg/codec/dec there, or say where it is: withAssets({ jpegWasm: url }).',
    { cause },
  );
}
