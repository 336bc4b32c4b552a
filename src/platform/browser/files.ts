import { refuserOf } from '../../checkpoint/refusal.ts';
import { blobSource, bytesSource, type Source } from '../../checkpoint/source.ts';
import { imageRefuserOf } from '../../codecs/refusal.ts';
import { UnsupportedError } from '../../errors.ts';
import { fetchBytes, type OnBytes } from '../fetch_bytes.ts';

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
