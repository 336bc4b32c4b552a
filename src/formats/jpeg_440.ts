import { joinBytes } from '../arrays.ts';
import type { Raster } from '../image/raster.ts';
import { cutComponent } from './jpeg_component.ts';
import type { Frame, JpegFile } from './jpeg_markers.ts';

/**
 * Images sampled 4:4:0: colours with half the rows, as a camera's 4:2:2 image has after a lossless turn. The decoder
 * enlarges them by the rule of an older libjpeg-turbo, whose rounding differs from OpenCV's by a level of Cb and Cr. Here
 * they are decoded as they are stored, then enlarged and converted as libjpeg-turbo does since 2.0.4.
 */

/** Decodes a JPEG to RGBA. */
type Decode = (bytes: Uint8Array) => Raster;

export const isSampled440 = ({ components }: Frame): boolean =>
  components.length === 3 &&
  components.every(({ horizontal }) => horizontal === 1) &&
  components.map(({ vertical }) => vertical).join() === '2,1,1';

/**
 * Returns the pixels of a 4:4:0 image.
 *
 * @param decode throws what the decoder finds wrong
 * @returns undefined if the file is not as encoders write it
 */
export function decode440({ bytes, frame }: JpegFile, decode: Decode): Raster | undefined {
  const { width, height, components } = frame;
  const isYcc = storesYcc(bytes, components);
  // without a conversion: Y in the channel of red, and Cb and Cr, which are replaced
  const raster = decode(withoutConversion(bytes));
  const pixels = raster.data;
  for (const channel of [1, 2]) {
    const size = { width, height: Math.ceil(height / 2) };
    const cut = cutComponent(bytes, frame, { id: components[channel]!.id, ...size });
    if (!cut) return undefined;
    enlarge(decode(cut).data, pixels, { width, height }, channel);
  }
  if (isYcc) convert(pixels);
  return raster;
}

/** Fills a channel from the grey plane of half its rows: three parts of the nearer row and one of the farther. */
function enlarge(
  plane: Raster['data'],
  pixels: Raster['data'],
  { width, height }: { readonly width: number; readonly height: number },
  channel: number,
): void {
  const rows = Math.ceil(height / 2);
  for (let y = 0; y < height; y++) {
    const near = (y >> 1) * width * 4;
    const other = Math.min(Math.max((y >> 1) + (y & 1 ? 1 : -1), 0), rows - 1) * width * 4;
    const bias = y & 1 ? 2 : 1;
    for (let x = 0, o = y * width * 4 + channel; x < width; x++, o += 4) {
      pixels[o] = (3 * plane[near + 4 * x]! + plane[other + 4 * x]! + bias) >> 2;
    }
  }
}

/** Converts Y, Cb and Cr to RGB in place, in the integers of libjpeg. */
function convert(pixels: Raster['data']): void {
  const fix = (factor: number) => Math.floor(factor * 65536 + 0.5);
  const [redCr, greenCb, greenCr, blueCb] = [fix(1.402), fix(0.34414), fix(0.71414), fix(1.772)];
  const half = 32768;
  const clamped = (value: number) => Math.max(0, Math.min(value, 255));
  for (let i = 0; i < pixels.length; i += 4) {
    const luma = pixels[i]!;
    const cb = pixels[i + 1]! - 128;
    const cr = pixels[i + 2]! - 128;
    pixels[i] = clamped(luma + ((redCr * cr + half) >> 16));
    pixels[i + 1] = clamped(luma + ((half - greenCb * cb - greenCr * cr) >> 16));
    pixels[i + 2] = clamped(luma + ((blueCb * cb + half) >> 16));
  }
}

const jfif = 'JFIF\0';
const adobe = 'Adobe';

interface Segment {
  readonly start: number;
  readonly end: number;
  readonly isJfif: boolean;
  /** The transform that an Adobe segment states: 0 is none. */
  readonly transform: number | undefined;
}

/** Yields the segments before the first scan. */
function* segmentsOf(bytes: Uint8Array): Generator<Segment> {
  for (let at = 2; at + 4 <= bytes.length; ) {
    const start = at;
    while (bytes[at + 1] === 0xff) at++; // fill bytes
    const marker = bytes[at + 1]!;
    if (marker === 0xda) return;
    const end = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    const begins = (text: string) => String.fromCharCode(...bytes.subarray(at + 4, at + 4 + text.length)) === text;
    const isAdobe = marker === 0xee && begins(adobe) && end - at >= 16;
    yield { start, end, isJfif: marker === 0xe0 && begins(jfif), transform: isAdobe ? bytes[at + 15] : undefined };
    at = end;
  }
}

/** Says whether three components are Y, Cb and Cr, as libjpeg guesses: by JFIF, by Adobe, by their names. */
function storesYcc(bytes: Uint8Array, components: Frame['components']): boolean {
  const segments = [...segmentsOf(bytes)];
  if (segments.some(({ isJfif }) => isJfif)) return true;
  const stated = segments.findLast(({ transform }) => transform !== undefined)?.transform;
  if (stated !== undefined) return stated !== 0;
  return String.fromCharCode(...components.map(({ id }) => id)) !== 'RGB';
}

/** Returns the file marked as one whose components need no conversion. */
function withoutConversion(bytes: Uint8Array): Uint8Array {
  const mark = [0xff, 0xee, 0, 14, ...[...adobe].map((letter) => letter.charCodeAt(0)), 0, 100, 0, 0, 0, 0, 0];
  const parts: (Uint8Array | readonly number[])[] = [bytes.subarray(0, 2), mark];
  let kept = 2;
  for (const { start, end, isJfif, transform } of segmentsOf(bytes)) {
    if (!isJfif && transform === undefined) continue;
    parts.push(bytes.subarray(kept, start));
    kept = end;
  }
  parts.push(bytes.subarray(kept));
  return joinBytes(parts);
}
