import type { OpenDatasetOptions } from '../../src/data/index.ts';
import { type ImageSet, type LabelledImage, memoryFolder, openDataset } from '../../src/data/index.ts';
import { encodeGrey16Png, encodePng } from '../../src/formats/index.ts';

/** Data sets in memory, for tests of their readers. */

export type Files = Readonly<Record<string, string | Uint8Array>>;

const asBytes = (content: string | Uint8Array): Uint8Array =>
  typeof content === 'string' ? new TextEncoder().encode(content) : content;

export const filesOf = (files: Files): Map<string, Uint8Array> =>
  new Map(Object.entries(files).map(([path, content]) => [path, asBytes(content)]));

/** A grey image. */
export const picture = (width = 8, height = 6): Uint8Array =>
  encodePng({ width, height, data: new Uint8ClampedArray(4 * width * height).fill(128) });

/** A label map of 16 bits. */
export const labelPng = (...rows: readonly (readonly number[])[]): Uint8Array =>
  encodeGrey16Png({ height: rows.length, width: rows[0]!.length, labels: Uint16Array.from(rows.flat()) });

export const open = (files: Files, options: OpenDatasetOptions = {}): Promise<ImageSet> =>
  openDataset(memoryFolder(filesOf(files), 'set'), options);

export async function imagesOf(set: ImageSet): Promise<LabelledImage[]> {
  const images: LabelledImage[] = [];
  for await (const image of set.images()) images.push(image);
  return images;
}

/** Opens a data set and reads all its images. */
export async function read(
  files: Files,
  options: OpenDatasetOptions = {},
): Promise<ImageSet & { all: LabelledImage[] }> {
  const set = await open(files, options);
  const all = await imagesOf(set);
  return Object.defineProperties({ all } as ImageSet & { all: LabelledImage[] }, Object.getOwnPropertyDescriptors(set));
}
