import { zlibSync } from 'fflate';
import { joinBytes, type Size } from '../arrays.ts';
import { ImageError, ShapeError } from '../errors.ts';
import { checkRaster, type LabelMap, type Raster } from '../image/raster.ts';
import { foundIn, isObject } from '../values.ts';
import { crc32 } from './inflate.ts';
import { type ColorType, pngSignature } from './png_chunks.ts';

/** Writes PNG files: colours, and label maps whose pixels are numbers. It runs in Node and in browsers alike. */

interface PngContents extends Size {
  readonly depth: 8 | 16;
  readonly colorType: ColorType;
  /** RGB triples of colour type 3. */
  readonly palette?: Uint8Array | undefined;
  /** All rows, each with its filter byte in front. */
  readonly filtered: Uint8Array;
}

/** Compresses to zlib data. */
type Deflate = (bytes: Uint8Array) => Uint8Array;

/** As pixels of labels need it, which repeat. */
const deflateLabels: Deflate = (bytes) => zlibSync(bytes, { level: 6 });

const pngFile = ({ filtered, ...contents }: PngContents, deflate: Deflate): Uint8Array =>
  pngAround(contents, [deflate(filtered)]);

/** Puts the chunks of a PNG around its compressed rows, which may come in parts of one stream. @param crc the platform's, if it has a faster one */
export function pngAround(
  { height, width, depth, colorType, palette }: Omit<PngContents, 'filtered'>,
  compressed: readonly Uint8Array[],
  crc = crc32,
): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, colorType, 0, 0, 0], 8); // deflate, the five filters, not interlaced
  const parts = [pngSignature, ...chunk('IHDR', [header])];
  if (palette) parts.push(...chunk('PLTE', [palette]));
  parts.push(...chunk('IDAT', compressed, crc), ...chunk('IEND', []));
  return joinBytes(parts);
}

function chunk(type: string, data: readonly Uint8Array[], crc = crc32): Uint8Array[] {
  const start = new Uint8Array(8);
  new DataView(start.buffer).setUint32(
    0,
    data.reduce((sum, { length }) => sum + length, 0),
  );
  for (let i = 0; i < 4; i++) start[4 + i] = type.charCodeAt(i);
  const end = new Uint8Array(4);
  const sum = data.reduce((before, bytes) => crc(bytes, before), crc(start.subarray(4)));
  new DataView(end.buffer).setUint32(0, sum);
  return [start, ...data, end];
}

function isOpaque({ data }: Pick<Raster, 'data'>): boolean {
  // four at a time, as long as all are
  let i = 3;
  for (const end = data.length - 12; i < end; i += 16) {
    if ((data[i]! & data[i + 4]! & data[i + 8]! & data[i + 12]!) !== 255) return false;
  }
  for (; i < data.length; i += 4) if (data[i] !== 255) return false;
  return true;
}

/** Returns a raster's bytes without its alpha channel if every pixel is opaque: a fifth less to store. */
export function packedPixels({ data }: Pick<Raster, 'data'>): {
  readonly channels: 3 | 4;
  readonly bytes: Raster['data'];
} {
  if (!isOpaque({ data })) return { channels: 4, bytes: data };
  const bytes = new Uint8Array((data.length / 4) * 3);
  for (let i = 0, o = 0; i < data.length; i += 4) {
    bytes[o++] = data[i]!;
    bytes[o++] = data[i + 1]!;
    bytes[o++] = data[i + 2]!;
  }
  return { channels: 3, bytes };
}

/**
 * Returns the writer of rasters with a compressor: Node's is faster, and the one here runs everywhere. The files read back
 * equal. Light compression and the filter `Up` on every row are six times faster than zlib's usual level, for a quarter more bytes.
 */
export const pngEncoder =
  (deflate: Deflate): typeof encodePng =>
  (raster) => {
    checkRaster(raster);
    const { height, width } = raster;
    const channels = channelsOf(raster);
    const filtered = filteredRows(raster, channels, 0, height);
    return pngFile({ height, width, depth: 8, colorType: colorTypes[channels], filtered }, deflate);
  };

/**
 * Writes a raster as PNG.
 *
 * @returns the file's bytes: 8-bit RGB if every pixel is opaque, else RGBA
 * @throws ImageError if the raster's size and data do not fit together
 */
export const encodePng: (raster: Raster) => Uint8Array = pngEncoder((bytes) => zlibSync(bytes, { level: 3 }));

/** Bytes of a band of rows, which one thread compresses at a time. */
const bandBytes = 2 ** 18;

/**
 * Returns a function as `pngEncoder` does, whose compressor works elsewhere meanwhile.
 *
 * @param deflate takes bands of rows, each of which is filtered when it is asked for, and returns parts of one zlib stream
 */
export const asyncPngEncoder =
  (deflate: (bands: Iterable<Uint8Array>) => Promise<readonly Uint8Array[]>) =>
  async (raster: Raster): Promise<Uint8Array> => {
    checkRaster(raster);
    const { height, width } = raster;
    const channels = channelsOf(raster);
    return pngAround(
      { height, width, depth: 8, colorType: colorTypes[channels] },
      await deflate(bandsOf(raster, channels)),
    );
  };

function* bandsOf(raster: Raster, channels: 3 | 4): Generator<Uint8Array> {
  const { height, width } = raster;
  const rows = Math.max(1, Math.floor(bandBytes / (1 + width * channels)));
  for (let y = 0; y < height; y += rows) yield filteredRows(raster, channels, y, Math.min(y + rows, height));
}

export const colorTypes = { 3: 2, 4: 6 } as const;
export const channelsOf = (raster: Raster): 3 | 4 => (isOpaque(raster) ? 3 : 4);

/** Returns rows with the filter `Up`: each byte less the one above. */
function filteredRows({ width, data }: Raster, channels: 3 | 4, from: number, to: number): Uint8Array {
  const filtered = new Uint8Array((to - from) * (1 + width * channels));
  const stride = width * 4;
  let above: Raster['data'] = new Uint8ClampedArray(stride);
  if (from > 0) above = data.subarray((from - 1) * stride, from * stride);
  for (let y = from, o = 0; y < to; y++) {
    const row = data.subarray(y * stride, (y + 1) * stride);
    filtered[o++] = 2;
    for (let i = 0; i < stride; i += 4, o += channels) {
      filtered[o] = row[i]! - above[i]!;
      filtered[o + 1] = row[i + 1]! - above[i + 1]!;
      filtered[o + 2] = row[i + 2]! - above[i + 2]!;
      if (channels === 4) filtered[o + 3] = row[i + 3]! - above[i + 3]!;
    }
    above = row;
  }
  return filtered;
}

type Colors = readonly (readonly [red: number, green: number, blue: number])[];

/**
 * Writes labels as an 8-bit PNG whose pixels are palette indices. Any viewer shows it in `colors`; tools that keep the
 * indices (Pillow's mode `P`) read it as plain numbers. Indices without a colour are black.
 *
 * @throws ShapeError if there is not one label per pixel, or a label is over 255; ImageError for arguments of other types
 */
export function encodeIndexedPng(map: LabelMap, colors: Colors): Uint8Array {
  checkLabels(map, 255);
  checkColors(colors);
  const { height, width } = map;
  const palette = new Uint8Array(3 * 256);
  for (const [i, color] of colors.slice(0, 256).entries()) palette.set(color, 3 * i);
  return pngFile({ height, width, depth: 8, colorType: 3, palette, filtered: unfilteredRows(map) }, deflateLabels);
}

/**
 * Writes labels as a 16-bit grey PNG: the pixel's value is the label.
 *
 * @throws ShapeError if there is not one label per pixel; ImageError for arguments of other types
 */
export function encodeGrey16Png(map: LabelMap): Uint8Array {
  checkLabels(map, 65535);
  const { height, width, labels } = map;
  const filtered = new Uint8Array(height * (1 + 2 * width));
  for (let y = 0, o = 0, i = 0; y < height; y++) {
    filtered[o++] = 0;
    for (let x = 0; x < width; x++, i++) {
      filtered[o++] = labels[i]! >> 8;
      filtered[o++] = labels[i]! & 255;
    }
  }
  return pngFile({ height, width, depth: 16, colorType: 0, filtered }, deflateLabels);
}

/**
 * Writes a mask as an 8-bit grey PNG: 255 where it is set, 0 elsewhere.
 *
 * @param mask height × width, 0 or 1
 * @throws ShapeError if there is not one value per pixel; ImageError for arguments of other types
 */
export function encodeMaskPng(mask: Uint8Array, size: Size): Uint8Array {
  checkLabels({ ...size, labels: mask }, 255);
  const { height, width } = size;
  const map = { height, width, labels: mask.map((set) => (set ? 255 : 0)) };
  return pngFile({ height, width, depth: 8, colorType: 0, filtered: unfilteredRows(map) }, deflateLabels);
}

/** Rows of bytes without a filter: neighbouring labels are equal, and deflate compresses them best as they are. */
function unfilteredRows({ height, width, labels }: LabelMap): Uint8Array {
  const filtered = new Uint8Array(height * (1 + width));
  for (let y = 0; y < height; y++) filtered.set(labels.subarray(y * width, (y + 1) * width), y * (1 + width) + 1);
  return filtered;
}

const labelArrays = ['Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Uint32Array'];

function checkLabels(map: LabelMap, most: number): void {
  const { height, width, labels } = map ?? {};
  // by name, since arrays may come from another frame or realm
  if (!labelArrays.includes(Object.prototype.toString.call(labels).slice(8, -1))) {
    const found = isObject(map) && 'labels' in map ? `labels ${foundIn(labels)}` : foundIn(map);
    throw new ImageError(`PNG: labels must be a Uint8Array or Uint16Array with height and width, got ${found}.`);
  }
  if (!Number.isInteger(width) || !Number.isInteger(height) || width < 1 || height < 1) {
    throw new ShapeError(`PNG: a map is ${width}×${height}: width and height must be at least 1.`);
  }
  if (labels.length !== height * width) {
    throw new ShapeError(
      `PNG: a map of ${width}×${height} pixels needs ${height * width} labels, got ${labels.length}.`,
    );
  }
  const high = labels.find((label) => label > most);
  if (high !== undefined) throw new ShapeError(`PNG: the label ${high} does not fit into a map of at most ${most}.`);
}

function checkColors(colors: Colors): void {
  const isByte = (value: unknown) => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 255;
  const wrong = Array.isArray(colors)
    ? colors.find((color: unknown) => !Array.isArray(color) || color.length !== 3 || !color.every(isByte))
    : colors;
  if (wrong !== undefined || !Array.isArray(colors)) {
    throw new ImageError(`PNG: colors must be a list of [red, green, blue], each 0 to 255, got ${foundIn(wrong)}.`);
  }
}
