import { DataError } from '../errors.ts';
import type { ImageSet, LabelledImage, ReadImagesOptions } from './image_set.ts';
import type { Notices } from './notices.ts';
import type { Tree } from './tree.ts';

/** What a reader knows when a data set is open. */
type Facts = Omit<ImageSet, 'name' | 'count' | 'notices' | 'images' | 'splits'>;

interface Content<Entry> {
  readonly tree: Tree;
  readonly notices: Notices;
  /** What is known of each image beforehand: little, since there may be a million. */
  readonly entries: readonly Entry[];
  /** Reads an image's labels. @param id the position of the image from 1 */
  read(entry: Entry, id: number): Promise<LabelledImage>;
}

/** Makes a data set that reads its images one after the other. */
export function imageSetOf<Entry>(facts: Facts, { tree, notices, entries, read }: Content<Entry>): ImageSet {
  return {
    ...facts,
    name: tree.name,
    count: entries.length,
    splits: notices.splits,
    get notices() {
      return notices.list();
    },
    images: (options) => imagesOf(entries, read, options),
  };
}

/** Reads images one after the other. */
export async function* imagesOf<Entry>(
  entries: readonly Entry[],
  read: (entry: Entry, id: number) => Promise<LabelledImage>,
  { onFault }: ReadImagesOptions = {},
): AsyncGenerator<LabelledImage, void, undefined> {
  for (const [i, entry] of entries.entries()) {
    let image: LabelledImage;
    try {
      image = await read(entry, i + 1);
    } catch (error) {
      if (!onFault || !(error instanceof DataError)) throw error;
      onFault(error);
      continue;
    }
    yield image;
  }
}
