import { ImageError, isRefusal } from 'moganet/worker/ort';
import { reasonOf } from './words.ts';

/** Pictures that come as files: how large they may be, their pixels, and what is wrong with them in words for a visitor. */

/** The most pixels that the page takes, 67 megapixels: those of 256 MB. */
export const mostPixels = 2 ** 26;

const smaller = 'Save a smaller copy in an image editor, and open that.';

/**
 * Returns the pixels of a file for the stage; undefined if the browser cannot read it.
 *
 * @throws Error if it states more than `mostPixels`, before anything of that size is made
 */
export async function bitmapOf(file: Blob): Promise<ImageBitmap | undefined> {
  const count = await statedPixels(file);
  if (count > mostPixels) {
    const most = Math.floor(mostPixels / 1e6);
    throw new Error(`it has ${Math.ceil(count / 1e6)} megapixels, and this page takes up to ${most}. ${smaller}`);
  }
  return createImageBitmap(file).catch(() => undefined);
}

/** Returns the pixels that a file states; 0 if the browser does not know. An image that is not shown is not decoded. */
async function statedPixels(file: Blob): Promise<number> {
  const image = new Image();
  const url = URL.createObjectURL(file);
  try {
    await new Promise((resolve) => {
      image.onload = image.onerror = resolve;
      image.src = url;
    });
    return image.naturalWidth * image.naturalHeight;
  } finally {
    URL.revokeObjectURL(url);
  }
}

/** Returns why a picture was refused. The library's advice about limits is for those who write code. */
export function refusalOf(error: unknown): string {
  const isTooLarge = error instanceof ImageError && isRefusal(error) && error.code === 'limit';
  return isTooLarge ? `${error.reason}. ${smaller}` : reasonOf(error);
}
