import { EngineError, UnsupportedError } from '../errors.ts';
import { checkpointContext, imageContext } from '../formats/context.ts';
import { type DecodeImage, imageDecoder } from '../formats/image.ts';
import { bytesSource, type Source } from '../formats/source.ts';
import { type FileRef, fetchBytes, memoryBytes, memorySource, type OnBytes } from './refs.ts';

/** Files in a web page: URLs are fetched, Blobs are read by position, bytes are taken as they are. */

/** @throws CheckpointRefusal naming the URL and why it cannot be fetched; the signal's reason if it was aborted */
export async function openWeights(weights: FileRef, signal?: AbortSignal, onBytes?: OnBytes): Promise<Source> {
  const source = memorySource(weights);
  if (source) return source;
  const url = `${weights as string | URL}`;
  const bytes = await fetchBytes(url, signal, onBytes).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw checkpointContext(url).refuse('unreadable', '', messageOf(cause), 'Check the URL.', cause);
  });
  const beside = (name: string) => openWeights(url.replace(/[^/?#]*([?#].*)?$/, name), signal, onBytes);
  return { ...bytesSource(bytes, url), beside };
}

/** @throws ImageRefusal naming the URL and why it cannot be fetched; the signal's reason if it was aborted */
export async function readImage(image: FileRef, signal?: AbortSignal): Promise<Uint8Array> {
  const bytes = await memoryBytes(image);
  if (bytes) return bytes;
  const url = `${image as string | URL}`;
  return fetchBytes(url, signal).catch((cause: unknown) => {
    signal?.throwIfAborted();
    throw imageContext(url).refuse('unreadable', '', messageOf(cause), 'Check the URL.', cause);
  });
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : `${cause}`);

/** A page cannot know where its server keeps the files of the package. @throws UnsupportedError always */
export function shippedWeights(file: string): never {
  throw new UnsupportedError(
    `in a browser the shipped weights have no URL. Serve samples/weights/${file} of the package and give its URL as weights.`,
  );
}

/** Decodes PNG and JPEG. `jpegWasm` is the URL of `mozjpeg_dec.wasm`, by default beside the bundle. */
export const imageDecoderFor = (jpegWasm?: string | URL): DecodeImage => imageDecoder(jpegWasmFrom(jpegWasm));

/**
 * Compiles the JPEG decoder from the URL at which the page serves `mozjpeg_dec.wasm` of `@jsquash/jpeg/codec/dec`, by default
 * beside the bundle.
 *
 * @throws EngineError if it cannot be fetched or compiled
 */
export function jpegWasmFrom(given?: string | URL) {
  return async (): Promise<WebAssembly.Module> => {
    // only now: a bundle in a classic script has no URL, and may not need JPEG
    const url = given ?? new URL('./mozjpeg_dec.wasm', import.meta.url);
    const response = await fetch(url).catch((cause: unknown) => {
      throw missing(url, messageOf(cause), cause);
    });
    if (!response.ok) throw missing(url, `status ${response.status}`);
    // compileStreaming would require a content type that static servers often do not send
    return WebAssembly.compile(await response.arrayBuffer()).catch((cause: unknown) => {
      throw missing(url, 'the server sends something else', cause);
    });
  };
}

function missing(url: string | URL, why: string, cause?: unknown): EngineError {
  return new EngineError(
    `the JPEG decoder is not at ${url} (${why}). ` +
      'Serve mozjpeg_dec.wasm of @jsquash/jpeg/codec/dec there, or give its URL: withAssets({ jpegWasm: url }).',
    { cause },
  );
}
