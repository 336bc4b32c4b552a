import type { Raster } from '../image/raster.ts';
import { type DecodeOptions, limitsFrom } from './limits.ts';
import { type PngFile, readPngChunks, samplesPerPixel } from './png_chunks.ts';
import { type Pass, readPngRows } from './png_rows.ts';
import { imageRefuserOf, type RefuseImage } from './refusal.ts';

/**
 * Reads a PNG of any depth, colour type and interlacing, strictly: every checksum, the order of the chunks and the amount of
 * data are verified, and the size is checked before a picture is allocated.
 *
 * Colours are those of `cv2.imread`: 16-bit samples by their high byte, grey as three equal channels, gamma and colour
 * profiles ignored. Transparency (alpha channel or tRNS) is in A and the colours are not blended with it. EXIF inside a PNG
 * is not applied.
 * @throws ImageRefusal with the chunk and its byte offset
 */
export function decodePng(bytes: Uint8Array, options: DecodeOptions = {}): Raster {
  const refuse = imageRefuserOf(options.name);
  const file = readPngChunks(bytes, limitsFrom(options), refuse);
  const { width, height } = file.header;
  // written as words or as bytes, whichever the row writer likes; handed out in ImageData's own type
  let buffer: ArrayBuffer | undefined;
  let write: RowWriter | undefined;
  const onRow: RowWriter = (row, pass, y) => {
    // allocated with the first row, not before: a stream that cannot even begin costs nothing
    buffer ??= new ArrayBuffer(width * height * 4);
    write ??= rowWriter(file, buffer, refuse);
    write(row, pass, y);
  };
  readPngRows(file, onRow, refuse);
  return { width, height, data: new Uint8ClampedArray(buffer!) };
}

type RowWriter = (row: Uint8Array, pass: Pass, y: number) => void;

function rowWriter(file: PngFile, buffer: ArrayBuffer, refuse: RefuseImage): RowWriter {
  const { depth, colorType } = file.header;
  if (colorType === 3 || (colorType === 0 && depth <= 8)) return indexedWriter(file, new Uint32Array(buffer), refuse);
  return sampledWriter(file, new Uint8Array(buffer));
}

/** Palette and grey up to 8 bits: a pixel is one of at most 256 colours, looked up as a word. */
function indexedWriter(
  { header, palette, transparency }: PngFile,
  pixels: Uint32Array,
  refuse: RefuseImage,
): RowWriter {
  const { depth, width } = header;
  const count = palette ? Math.min(palette.length / 3, 2 ** depth) : 2 ** depth;
  const colors = new Uint8Array(count * 4);
  const transparentGrey = !palette && transparency ? (transparency[0]! << 8) | transparency[1]! : -1;
  for (let i = 0; i < count; i++) {
    const grey = (i * 255) / (2 ** depth - 1);
    const alpha = palette ? (transparency?.[i] ?? 255) : i === transparentGrey ? 0 : 255;
    colors.set(palette ? [...palette.subarray(3 * i, 3 * i + 3), alpha] : [grey, grey, grey, alpha], 4 * i);
  }
  const words = new Uint32Array(colors.buffer);
  const mask = 2 ** depth - 1;
  const perByte = 8 / depth;
  return (row, pass, y) => {
    let o = (pass.top + y * pass.stepY) * width + pass.left;
    for (let x = 0; x < pass.width; x++, o += pass.stepX) {
      // the leftmost pixel of a byte is in its high bits
      const index = depth === 8 ? row[x]! : (row[Math.floor(x / perByte)]! >> (8 - depth * ((x % perByte) + 1))) & mask;
      if (index >= count) {
        const [left, top] = [pass.left + x * pass.stepX, pass.top + y * pass.stepY];
        throw refuse('malformed', `PNG pixel (${left}, ${top})`, `it has colour ${index} of a palette of ${count}`);
      }
      pixels[o] = words[index]!;
    }
  };
}

/** Whole samples of one or two bytes, of which the first is the high one. */
function sampledWriter({ header, transparency }: PngFile, pixels: Uint8Array): RowWriter {
  const { depth, colorType, width } = header;
  const size = depth / 8;
  const samples = samplesPerPixel[colorType];
  const stride = samples * size;
  const colored = colorType === 2 || colorType === 6;
  const green = colored ? size : 0;
  const blue = 2 * green;
  const alpha = colorType === 4 || colorType === 6 ? stride - size : -1;
  // the transparent colour in the row's own bytes: an 8-bit sample is the low half of its 16 bits
  const key = transparency?.filter((_, i) => size === 2 || i % 2 === 1);
  const isKey = (row: Uint8Array, at: number): boolean => key?.every((byte, i) => row[at + i] === byte) ?? false;
  return (row, pass, y) => {
    let o = ((pass.top + y * pass.stepY) * width + pass.left) * 4;
    if (stride === 4 && size === 1 && pass.stepX === 1) {
      pixels.set(row, o);
      return;
    }
    for (let x = 0, p = 0; x < pass.width; x++, p += stride, o += 4 * pass.stepX) {
      pixels[o] = row[p]!;
      pixels[o + 1] = row[p + green]!;
      pixels[o + 2] = row[p + blue]!;
      pixels[o + 3] = alpha >= 0 ? row[p + alpha]! : key && isKey(row, p) ? 0 : 255;
    }
  };
}
