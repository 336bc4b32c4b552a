import { EngineError, UnsupportedError } from '../errors.ts';
import { imageRefuserOf, refuserOf } from '../formats/context.ts';
import { type DecodeImage, imageDecoder } from '../formats/image.ts';
import { blobSource, bytesSource, type Source } from '../formats/source.ts';
import { fetchBytes, type OnBytes } from './fetch_bytes.ts';

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

/** PNG and JPEG in a page. `jpegWasm` is the address of `mozjpeg_dec.wasm`; beside the bundle where it is not given. */
export const imageDecoderFor = (jpegWasm?: string | URL): DecodeImage => imageDecoder(jpegWasmFrom(jpegWasm));

/** Files of a page: addresses are fetched, Blobs are read by position, bytes are taken as they are. */

type FileRef = string | URL | Blob | Uint8Array | ArrayBuffer;

/** @throws CheckpointRefusal naming the address and why it cannot be fetched; the signal's reason where it was aborted */
export async function openWeights(weights: FileRef, signal?: AbortSignal, onBytes?: OnBytes): Promise<Source> {
  if (weights instanceof Blob) return blobSource(weights);
  if (weights instanceof Uint8Array) return bytesSource(weights);
  if (weights instanceof ArrayBuffer) return bytesSource(new Uint8Array(weights));
  const bytes = await fetchBytes(weights, signal, onBytes).catch((cause: unknown) => {
    if (signal?.aborted) throw cause;
    throw refuserOf(`${weights}`)('unreadable', '', messageOf(cause), 'Check the address.', cause);
  });
  return bytesSource(bytes, `${weights}`);
}

/** @throws ImageRefusal naming the address and why it cannot be fetched */
export async function readImage(image: FileRef, signal?: AbortSignal): Promise<Uint8Array> {
  if (image instanceof Blob) return new Uint8Array(await image.arrayBuffer());
  if (image instanceof Uint8Array) return image;
  if (image instanceof ArrayBuffer) return new Uint8Array(image);
  return fetchBytes(image, signal).catch((cause: unknown) => {
    if (signal?.aborted) throw cause;
    throw imageRefuserOf(`${image}`)('unreadable', '', messageOf(cause), 'Check the address.', cause);
  });
}

/** A page cannot know where its server keeps the files of the package. */
export function shippedWeights(file: string): never {
  throw new UnsupportedError(
    `in a browser the shipped weights have no address of their own. Serve samples/weights/${file} of the package and give its URL as weights.`,
  );
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : `${cause}`);
