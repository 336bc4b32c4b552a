import { EngineError, UnsupportedError } from '../errors.ts';
import { imageContext } from '../formats/context.ts';
import { type DecodeImage, imageDecoder } from '../formats/image.ts';
import { withBrowser } from './browser/decode.ts';
import { explained, refusedAs } from './browser/faults.ts';
import type { Platform } from './contract.ts';
import { compileWasm, loadJpegWasm } from './jpeg_wasm.ts';
import { onMirror } from './mirror.ts';
import { checkName, type FileRef, fetchBytes, memoryBytes, mostImageBytes, nameOf } from './refs.ts';

export { captureImage } from './browser/page_images.ts';

/** Opens weights: a page loads what does that with the first of them. */
export const openWeights: Platform['openWeights'] = async (...given) =>
  (await import('./browser/weights.ts')).openWeights(...given);

/** Files in a web page: URLs are fetched, Blobs are read by position, bytes are taken as they are. */

/** @throws ImageRefusal naming the URL and why it cannot be fetched; the signal's reason if it was aborted */
export async function readImage(image: FileRef, signal?: AbortSignal): Promise<Uint8Array> {
  const url = nameOf(image);
  const options = { most: mostImageBytes, signal };
  return refusedAs(imageContext, url, signal, async () => {
    const bytes = await memoryBytes(image, options);
    if (bytes) return bytes;
    checkName(url);
    return explained(url, signal, imageAdvice, () => fetchBytes(url, options));
  });
}

const imageAdvice = (page: string): string =>
  `let its server send the header for ${page}, or serve the file from the origin of the page.`;

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : `${cause}`);

/**
 * Returns the URL of weights that the package ships: a page cannot know where its server keeps them.
 *
 * @throws UnsupportedError if the caller does not say where
 */
export function shippedWeights(file: string, from?: string): string {
  if (from !== undefined) return onMirror(file, from);
  throw new UnsupportedError(
    `in a browser the shipped weights have no URL. Serve samples/weights/${file} of the package, and say where: loadModel(name, { from: '/models/' }). ` +
      "Or let the bundler copy them: import { facade } from 'moganet/facade', and loadModel(facade).",
  );
}

/** Decodes PNG and JPEG, and what else the browser reads. `jpegWasm` is a URL of `mozjpeg_dec.wasm`, by default the decoder that is part of the modules. */
export const imageDecoderFor = (jpegWasm?: string | URL): DecodeImage =>
  withBrowser(imageDecoder(jpegWasm === undefined ? loadJpegWasm : () => fetchJpegWasm(jpegWasm)));

/**
 * Compiles the JPEG decoder from the URL at which the page serves `mozjpeg_dec.wasm`.
 *
 * @throws EngineError if it cannot be fetched or compiled
 */
async function fetchJpegWasm(url: string | URL): Promise<WebAssembly.Module> {
  const bytes = await fetchBytes(url, { most: mostImageBytes }).catch((cause: unknown) => {
    throw notThere(url, messageOf(cause), cause);
  });
  // compileStreaming would require a content type that static servers often do not send
  if (!wasmMagic.every((byte, i) => bytes[i] === byte)) throw notThere(url, 'the server sends something else');
  return compileWasm(new Uint8Array(bytes), `the JPEG decoder at ${url}`);
}

/** The bytes with which each WebAssembly file begins. */
const wasmMagic = [0, 0x61, 0x73, 0x6d];

const notThere = (url: string | URL, why: string, cause?: unknown): EngineError =>
  new EngineError(
    `the JPEG decoder is not at ${url} (${why}). Serve mozjpeg_dec.wasm of @jsquash/jpeg/codec/dec there, or give its URL: withAssets({ jpegWasm: url }).`,
    { cause },
  );

/** Returns the URLs of the files of TensorFlow.js's wasm backend; undefined in a classic script. */
export async function tfjsWasmUrls(): Promise<Readonly<Record<string, string>> | undefined> {
  const { wasmUrls } = await import('./tfjs_wasm.ts');
  return wasmUrls();
}
