import { EngineError } from '../errors.ts';
import { inflate } from '../formats/inflate.ts';
import { bytesSource } from '../formats/source.ts';

/**
 * The WebAssembly of the JPEG decoder. Its bytes are part of the modules: a file beside them would need a setting of each
 * bundler, and would be lost where a server is bundled into one file. They are imported with the first JPEG.
 *
 * @throws EngineError if WebAssembly is forbidden or missing
 */
export async function loadJpegWasm(): Promise<WebAssembly.Module> {
  const { deflated, size } = await import('./jpeg_wasm.data.ts');
  const source = bytesSource(
    Uint8Array.from(atob(deflated), (character) => character.charCodeAt(0)),
    'mozjpeg_dec.wasm',
  );
  const bytes = new Uint8Array(size);
  let at = 0;
  for await (const block of inflate(source, 0, source.size)) {
    bytes.set(block, at);
    at += block.length;
  }
  return compileWasm(bytes, 'the JPEG decoder');
}

/**
 * Compiles WebAssembly, and says so if a policy of the page forbids it.
 *
 * @throws EngineError
 */
export async function compileWasm(bytes: Uint8Array<ArrayBuffer>, what: string): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new EngineError(`${what} cannot be compiled: ${(cause as Error).message}.${adviceFor(cause)}`, { cause });
  }
}

const adviceFor = (cause: unknown): string =>
  /content.security.policy|\bCSP\b|unsafe-eval/i.test(`${cause}`)
    ? " The page's Content-Security-Policy forbids WebAssembly: add 'wasm-unsafe-eval' to its script-src."
    : '';
