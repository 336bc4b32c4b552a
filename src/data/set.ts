import type { ImageSet, LabelledImage } from './image_set.ts';
import type { Notices } from './notices.ts';
import type { Tree } from './tree.ts';

/** What a reader knows when a data set is open. */
type Facts = Omit<ImageSet, 'name' | 'count' | 'notices' | 'images'>;

interface Content<Entry> {
  readonly tree: Tree;
  readonly notices: Notices;
  /** What is known of each image beforehand: little, since there may be a million. */
  readonly entries: readonly Entry[];
  /** Reads an image's labels. @param id the place of the image from 1 */
  read(entry: Entry, id: number): Promise<LabelledImage>;
}

/** Makes a data set that reads its images one after the other. */
export function imageSetOf<Entry>(facts: Facts, { tree, notices, entries, read }: Content<Entry>): ImageSet {
  return {
    ...facts,
    name: tree.name,
    count: entries.length,
    get notices() {
      return notices.list();
    },
    async *images() {
      for (const [i, entry] of entries.entries()) yield await read(entry, i + 1);
    },
  };
}
