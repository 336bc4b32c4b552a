import type { LabelMap } from '../image/raster.ts';
import type { ImageContext } from './context.ts';
import { contextOf, type DecodeOptions, readableKind } from './image.ts';
import { type RowWriter, readPngRows } from './png.ts';
import { type PngHeader, readPngChunks, samplesPerPixel } from './png_chunks.ts';

/**
 * Reads a label map from a PNG of any kind: the palette indices or the grey values, as they are stored, from 1 to 16
 * bits. RGB is read if the three channels of every pixel are equal. Transparency is ignored. A file of `encodeMaskPng`
 * has 0 and 255.
 *
 * An orientation that EXIF states is not applied, as with `cv2.IMREAD_UNCHANGED`: labels are drawn on stored pixels.
 *
 * @returns 16-bit labels if the file has 16 bits, else 8-bit labels
 * @throws as `decodeImage`, and ImageRefusal `unsupported` for a pixel that is a colour
 */
export function decodeLabelPng(bytes: Uint8Array, options: DecodeOptions = {}): LabelMap {
  const context = contextOf(bytes, options, 'decodeLabelPng');
  if (readableKind(bytes, 'PNG', context) === 'jpeg') {
    const remedy = 'Save the labels as PNG: JPEG changes the values of pixels.';
    throw context.refuse('unsupported', '', 'this is a JPEG image, which cannot hold labels', remedy);
  }
  const file = readPngChunks(bytes, context);
  const { height, width, depth } = file.header;
  const begin = () => {
    const labels = depth === 16 ? new Uint16Array(height * width) : new Uint8Array(height * width);
    return { pixels: labels, write: labelWriter(file.header, labels, context) };
  };
  return { height, width, labels: readPngRows(file, begin, context) };
}

/** Writes the first sample of each pixel, as it is stored, and checks that other colour samples equal it. */
function labelWriter(
  { width, depth, colorType }: PngHeader,
  labels: LabelMap['labels'],
  { refuse }: ImageContext,
): RowWriter {
  const samples = samplesPerPixel[colorType];
  const colors = colorType === 2 || colorType === 6 ? 3 : 1;
  const mask = 2 ** depth - 1;
  const sampleAt = (row: Uint8Array, i: number): number => {
    if (depth === 16) return (row[2 * i]! << 8) | row[2 * i + 1]!;
    if (depth === 8) return row[i]!;
    // the leftmost sample of a byte is in its high bits
    return (row[(i * depth) >> 3]! >> (8 - depth - ((i * depth) & 7))) & mask;
  };
  return (row, pass, y) => {
    const top = pass.top + y * pass.stepY;
    if (depth === 8 && samples === 1 && pass.stepX === 1) {
      labels.set(row, top * width);
      return;
    }
    for (let x = 0; x < pass.width; x++) {
      const label = sampleAt(row, samples * x);
      const left = pass.left + x * pass.stepX;
      for (let c = 1; c < colors; c++) {
        if (sampleAt(row, samples * x + c) === label) continue;
        const color = [0, 1, 2].map((i) => sampleAt(row, samples * x + i)).join(', ');
        const remedy = 'Give a label map: PNG with a palette or grey, or with three equal channels.';
        throw refuse('unsupported', `PNG pixel (${left}, ${top})`, `it is the colour (${color}), not a label`, remedy);
      }
      labels[top * width + left] = label;
    }
  };
}
