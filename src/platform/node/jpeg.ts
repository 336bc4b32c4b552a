import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { jpegEncoder } from '../../formats/jpeg_write.ts';
import { compileWasm } from '../jpeg_wasm.ts';

/** Writes JPEG files. The WebAssembly comes from the installed package: only the command line writes them. */
export const encodeJpeg = jpegEncoder(async () => {
  const file = createRequire(import.meta.url).resolve('@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm');
  return compileWasm(Uint8Array.from(await readFile(file)), 'the JPEG encoder');
});
