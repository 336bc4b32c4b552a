import { zlibSync } from 'fflate';
import type { Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { type DecodeOptions, imageLimitsFrom, imageRefuserOf } from './context.ts';
import { crc32 } from './inflate.ts';
import { type ColorType, type PngHeader, pngSignature, readPngChunks, readPngRows } from './png.ts';

/** The bytes of a PNG around its rows: what our own writers have in common. */

export interface PngContents extends Size {
  readonly depth: 1 | 8 | 16;
  readonly colorType: ColorType;
  /** RGB triples of colour type 3. */
  readonly palette?: Uint8Array;
  /** All rows, each with its filter byte in front. */
  readonly filtered: Uint8Array;
  /** Of the compression, 0 to 9. */
  readonly level: 3 | 6;
}

export function pngFile({ height, width, depth, colorType, palette, filtered, level }: PngContents): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, colorType, 0, 0, 0], 8); // deflate, the five filters, not interlaced
  const parts = [
    pngSignature,
    chunk('IHDR', header),
    ...(palette ? [chunk('PLTE', palette)] : []),
    chunk('IDAT', zlibSync(filtered, { level })),
    chunk('IEND', new Uint8Array(0)),
  ];
  const file = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    file.set(part, at);
    at += part.length;
  }
  return file;
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

/** Pictures whose pixels are numbers rather than colours: label maps, instance maps, masks. */

export interface LabelMap extends Size {
  /** height × width, row by row. */
  readonly labels: Uint8Array | Uint16Array;
}

type Colors = readonly (readonly [red: number, green: number, blue: number])[];

/**
 * Labels as an 8-bit PNG whose pixels are palette indices, which any viewer shows in `colors` and which reads as plain
 * numbers in tools that keep the indices (Pillow's mode `P`). Indices without a colour are black.
 *
 * @throws ShapeError where there is not one label per pixel, or one is over 255
 */
export function encodeIndexedPng(map: LabelMap, colors: Colors): Uint8Array {
  const { height, width, labels } = checked(map, 255);
  const palette = new Uint8Array(3 * 256);
  for (const [i, color] of colors.slice(0, 256).entries()) palette.set(color, 3 * i);
  const filtered = rowsOf(labels, height, width);
  return pngFile({ height, width, depth: 8, colorType: 3, palette, filtered, level: 6 });
}

/**
 * Labels as a 16-bit grey PNG: the pixel's value is the label.
 *
 * @throws ShapeError where there is not one label per pixel
 */
export function encodeGrey16Png(map: LabelMap): Uint8Array {
  const { height, width, labels } = checked(map, 65535);
  const filtered = new Uint8Array(height * (1 + 2 * width));
  for (let y = 0, o = 0, i = 0; y < height; y++) {
    filtered[o++] = 0;
    for (let x = 0; x < width; x++, i++) {
      filtered[o++] = labels[i]! >> 8;
      filtered[o++] = labels[i]! & 255;
    }
  }
  return pngFile({ height, width, depth: 16, colorType: 0, filtered, level: 6 });
}

/**
 * A mask as an 8-bit grey PNG: 255 where it is set, 0 elsewhere.
 *
 * @param mask height × width, 0 or 1
 * @throws ShapeError where there is not one value per pixel
 */
export function encodeMaskPng(mask: Uint8Array, { height, width }: Size): Uint8Array {
  const { labels } = checked({ height, width, labels: mask.map((set) => (set ? 255 : 0)) }, 255);
  return pngFile({ height, width, depth: 8, colorType: 0, filtered: rowsOf(labels, height, width), level: 6 });
}

/**
 * Reads such a picture: the palette indices or grey values of an 8 or 16-bit PNG, as they are stored. What `encodeMaskPng`
 * wrote has 0 and 255.
 *
 * @throws ImageRefusal as `decodePng`, and `unsupported` for colours and for fewer than 8 bits
 */
export function decodeLabelPng(bytes: Uint8Array, options: DecodeOptions = {}): LabelMap {
  const refuse = imageRefuserOf(options.name);
  const file = readPngChunks(bytes, imageLimitsFrom(options), refuse);
  const { height, width, depth } = file.header;
  if (!holdsLabels(file.header)) {
    throw refuse('unsupported', 'PNG chunk IHDR at byte 8', 'its pixels are colours, not labels', remedy);
  }
  let labels: Uint8Array | Uint16Array | undefined;
  readPngRows(
    file,
    (row, pass, y) => {
      labels ??= depth === 16 ? new Uint16Array(height * width) : new Uint8Array(height * width);
      const start = (pass.top + y * pass.stepY) * width + pass.left;
      for (let x = 0; x < pass.width; x++) {
        labels[start + x * pass.stepX] = depth === 16 ? (row[2 * x]! << 8) | row[2 * x + 1]! : row[x]!;
      }
    },
    refuse,
  );
  return { height, width, labels: labels! };
}

const remedy = 'Give a label map: PNG with a palette or grey, 8 or 16 bits.';

const holdsLabels = ({ colorType, depth }: PngHeader): boolean => (colorType === 0 || colorType === 3) && depth >= 8;

/** Without a filter: neighbouring labels are equal, which deflate sees best as they are. */
function rowsOf(labels: ArrayLike<number>, height: number, width: number): Uint8Array {
  const filtered = new Uint8Array(height * (1 + width));
  for (let i = 0; i < labels.length; i++) filtered[i + 1 + Math.floor(i / width)] = labels[i]!;
  return filtered;
}

function checked(map: LabelMap, most: number): LabelMap {
  const { height, width, labels } = map;
  if (labels.length !== height * width) {
    throw new ShapeError(
      `PNG: a map of ${width}×${height} pixels needs ${height * width} labels, got ${labels.length}.`,
    );
  }
  const high = labels.find((label) => label > most);
  if (high !== undefined) throw new ShapeError(`PNG: the label ${high} does not fit into a map of at most ${most}.`);
  return map;
}
