import type { Size } from '../arrays.ts';
import { DataError } from '../errors.ts';
import { orientationIn } from '../formats/exif.ts';
import { statedSize } from '../formats/image_size.ts';
import { formatOf } from '../formats/sniff.ts';
import type { Tree } from './tree.ts';

/** Reads the size of images from the beginnings of their files, for labels that do not state it. No pixel is decoded. */

/** Previews and profiles stand before the size of a JPEG. */
const firstBytes = 65_536;

/**
 * Returns the size of an image as it is seen: an orientation that EXIF states is applied, as by every decoder.
 *
 * @throws DataError if the file is missing or not an image
 */
export async function imageSizeAt(tree: Tree, path: string): Promise<Size> {
  const head = await tree.head(path, firstBytes);
  const size = sizeIn(head) ?? (head.length < firstBytes ? undefined : sizeIn(await tree.read(path)));
  if (size) return size;
  const { name } = formatOf(head, ['png', 'jpeg']);
  throw new DataError(
    `${tree.shown(path)}: no size of an image found: this is ${name}. Replace the file or remove it.`,
  );
}

/** Returns the size that an image file states. Undefined if it is no image, or the bytes end before. */
export function sizeIn(bytes: Uint8Array): Size | undefined {
  const { kind } = formatOf(bytes, ['png', 'jpeg']);
  const size = kind === 'png' ? pngSize(bytes) : statedSize(bytes);
  if (!size || size.width < 1 || size.height < 1) return undefined;
  const orientation = kind === 'jpeg' ? jpegOrientation(bytes) : kind === 'png' ? pngOrientation(bytes) : undefined;
  const isTurned = orientation !== undefined && orientation >= 5 && orientation <= 8;
  return isTurned ? { width: size.height, height: size.width } : { width: size.width, height: size.height };
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const textAt = (bytes: Uint8Array, at: number, length: number) =>
  String.fromCharCode(...bytes.subarray(at, at + length));

function pngSize(bytes: Uint8Array): Size | undefined {
  if (bytes.length < 24) return undefined;
  return { width: viewOf(bytes).getUint32(16), height: viewOf(bytes).getUint32(20) };
}

function pngOrientation(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes);
  for (let at = 8; at + 8 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (textAt(bytes, at + 4, 4) === 'eXIf') return orientationIn(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return undefined;
}

/** Looks for EXIF before the image data. */
function jpegOrientation(bytes: Uint8Array): number | undefined {
  const view = viewOf(bytes);
  for (let at = 2; at + 4 <= bytes.length; ) {
    const [mark, marker] = [view.getUint8(at), view.getUint8(at + 1)];
    if (mark !== 0xff) return undefined;
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) return undefined;
    const length = view.getUint16(at + 2);
    if (marker === 0xe1 && textAt(bytes, at + 4, 6) === 'Exif\0\0') {
      const orientation = orientationIn(bytes.subarray(at + 10, at + 2 + length));
      if (orientation !== undefined) return orientation;
    }
    at += 2 + length;
  }
  return undefined;
}
