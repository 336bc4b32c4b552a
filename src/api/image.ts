import { imageRefuserOf } from '../codecs/refusal.ts';
import type { Raster } from '../image/raster.ts';
import { checkImage, isRaster } from './checks.ts';
import type { ImageRef, Platform } from './platform.ts';

/** Pixels of whatever the caller has. @throws ImageError saying what was found */
export async function decodeRef(image: ImageRef, platform: Platform, signal?: AbortSignal): Promise<Raster> {
  checkImage(image);
  if (isRaster(image)) return { width: image.width, height: image.height, data: image.data };
  const bytes = isDataAddress(image) ? await bytesIn(`${image}`) : await platform.readImage(image, signal);
  return platform.decodeImage(bytes, nameOf(image));
}

/** What messages call it. */
export const nameOf = (ref: unknown): string => fileOf(ref) ?? 'bytes';

/** Path, address or file name; nothing for bytes and pixels, and for an address that is itself the bytes. */
export function fileOf(ref: unknown): string | undefined {
  if (isDataAddress(ref)) return undefined;
  if (typeof ref === 'string' || ref instanceof URL) return `${ref}`;
  if (typeof Blob !== 'undefined' && ref instanceof Blob && 'name' in ref) return `${ref.name}`;
  return undefined;
}

const isDataAddress = (ref: unknown): boolean =>
  (typeof ref === 'string' || ref instanceof URL) && /^data:[^,]*,/i.test(`${ref}`.slice(0, 200));

/** The bytes of a `data:` address, on every platform. @throws ImageRefusal */
async function bytesIn(address: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await (await fetch(address)).arrayBuffer());
  } catch (cause) {
    throw imageRefuserOf('data: address')('malformed', '', 'it is no base64', 'Encode the file again.', cause);
  }
}
