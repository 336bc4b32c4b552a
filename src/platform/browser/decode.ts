import { MoganetError } from '../../errors.ts';
import { checkPixels, type ImageContext, ImageRefusal, imageContext, withinMemory } from '../../formats/context.ts';
import type { DecodeImage } from '../../formats/image.ts';
import { statedSize } from '../../formats/image_size.ts';
import { formatOf } from '../../formats/sniff.ts';
import type { Raster } from '../../image/raster.ts';
import { bitmapOf, pixelsOf } from './bitmap.ts';

/**
 * Lets the browser decode what the decoders of this package do not read: WebP, AVIF, GIF, CMYK JPEG and what else it knows. It is asked
 * only for whole formats that are not read, so that a damaged PNG or JPEG is refused here as in Node.
 */
export function withBrowser(decode: DecodeImage): DecodeImage {
  return async (bytes, options = {}) => {
    try {
      return await decode(bytes, options);
    } catch (cause) {
      if (!(cause instanceof ImageRefusal) || cause.code !== 'unsupported') throw cause;
      const { name, ...limits } = options;
      return decodeByBrowser(bytes, imageContext(name, limits), cause);
    }
  };
}

/** @param refusal why this package does not read the file */
async function decodeByBrowser(bytes: Uint8Array, context: ImageContext, refusal: ImageRefusal): Promise<Raster> {
  const stated = statedSize(bytes);
  if (stated) checkPixels('', stated, context);
  try {
    const bitmap = await bitmapOf(new Blob([new Uint8Array(bytes)]));
    const { width, height } = bitmap;
    if (width * height > context.limits.maxPixels) bitmap.close();
    checkPixels('', { width, height }, context);
    const raster = withinMemory('', context, () => pixelsOf(bitmap, true));
    return {
      ...raster,
      notices: [
        `the browser decoded ${formatOf(bytes, []).name}: its pixels may differ from those in Node or another browser.`,
      ],
    };
  } catch (cause) {
    if (cause instanceof MoganetError) throw cause;
    const reason = `${refusal.reason}; this browser does not read it either`;
    throw context.refuse('unsupported', refusal.place, reason, refusal.remedy, cause);
  }
}
