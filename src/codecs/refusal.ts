import { ImageError } from '../errors.ts';

/** Why an image is refused. The list is closed: programs may switch on `code`, people read the message. */
export type ImageFault = 'truncated' | 'crc' | 'malformed' | 'limit' | 'unsupported' | 'not-an-image';

export type ImageRefusal = ImageError & { readonly code: ImageFault };

const remedies: Record<ImageFault, string> = {
  truncated: 'The file is cut short: copy or download it again.',
  crc: 'The file was damaged after it was written: copy or download it again.',
  malformed: 'Open it in an image editor and save it again as PNG or JPEG.',
  limit: 'Make it smaller, or raise the limit if you trust its source.',
  unsupported: 'Convert it to PNG or baseline JPEG.',
  'not-an-image': 'Give a PNG or JPEG file.',
};

/**
 * @param what what was found and where ("PNG: chunk IDAT at byte 41 has …"), without a full stop
 * @param remedy what the reader can do, where the fault's usual advice does not fit
 */
export function refusal(code: ImageFault, what: string, remedy = remedies[code]): ImageRefusal {
  return Object.assign(new ImageError(`${what}. ${remedy}`), { code });
}

/** The same refusal, saying which file it is about. */
export function namedRefusal(error: ImageRefusal, name: string): ImageRefusal {
  return Object.assign(new ImageError(`${name}: ${error.message}`, { cause: error.cause }), { code: error.code });
}

export function isRefusal(error: unknown): error is ImageRefusal {
  return error instanceof ImageError && 'code' in error;
}

export interface ImageLimits {
  /** The most pixels (width × height) an image may declare. Default 2^26, 67 megapixels: 256 MB as RGBA. */
  readonly maxPixels?: number;
  /**
   * The most scans of a JPEG. Default 100: encoders write about ten, and each of them is a walk over all pixels
   * that a few bytes can order.
   */
  readonly maxScans?: number;
}

export const defaultLimits: Required<ImageLimits> = { maxPixels: 2 ** 26, maxScans: 100 };

/** Refuses a size of nothing, and one over the limit, before anything of that size is allocated. */
export function checkPixels(format: string, width: number, height: number, { maxPixels }: Required<ImageLimits>): void {
  if (width === 0 || height === 0) throw refusal('malformed', `${format}: the header says ${width} × ${height} pixels`);
  if (width * height > maxPixels) {
    const megapixels = (n: number) => `${(n / 1e6).toFixed(1)} megapixels`;
    throw refusal(
      'limit',
      `${format}: ${width} × ${height} pixels are ${megapixels(width * height)}, the limit is ${megapixels(maxPixels)}`,
      'Make it smaller, or raise `maxPixels` if you trust its source.',
    );
  }
}
