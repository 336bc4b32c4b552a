import type { RefuseImage } from './refusal.ts';

/** What a file may ask for before it is refused. */
export interface ImageLimits {
  /** The most pixels (width × height) an image may declare. Default 2^26, 67 megapixels: 256 MB as RGBA. */
  readonly maxPixels: number;
  /**
   * The most scans of a JPEG. Default 100: encoders write about ten, and each of them is a walk over all pixels
   * that a few bytes can order.
   */
  readonly maxScans: number;
}

export const defaultLimits: ImageLimits = { maxPixels: 2 ** 26, maxScans: 100 };

export interface DecodeOptions extends Partial<ImageLimits> {
  /** How to call the file in a message: its path or address. Default "bytes". */
  readonly name?: string;
}

/** The defaults with what the caller sets; what is no number counts as not set, never as unlimited. */
export function limitsFrom(options: Partial<ImageLimits>): ImageLimits {
  const limits = { ...defaultLimits };
  for (const name of Object.keys(limits) as (keyof ImageLimits)[]) {
    const value = options[name];
    if (typeof value === 'number' && value >= 0) Object.assign(limits, { [name]: value });
  }
  return limits;
}

/** Refuses a size of nothing, and one over the limit, before anything of that size is allocated. */
export function checkPixels(
  place: string,
  { width, height }: { readonly width: number; readonly height: number },
  { maxPixels }: ImageLimits,
  refuse: RefuseImage,
): void {
  if (width === 0 || height === 0) throw refuse('malformed', place, `it says ${width} × ${height} pixels`);
  if (width * height > maxPixels) {
    const megapixels = (n: number) => `${(n / 1e6).toFixed(1)} megapixels`;
    throw refuse(
      'limit',
      place,
      `${width} × ${height} pixels are ${megapixels(width * height)}, the limit is ${megapixels(maxPixels)}`,
      'Make it smaller. In code, decodeImage takes a higher maxPixels for a source that you trust.',
    );
  }
}
