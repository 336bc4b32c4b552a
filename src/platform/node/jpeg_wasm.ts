import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

/** Compiles the JPEG decoder from the installed package; its own loader fetches a file URL, which Node refuses. */
export async function loadJpegWasm(): Promise<WebAssembly.Module> {
  const file = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm');
  return WebAssembly.compile(await readFile(file));
}
