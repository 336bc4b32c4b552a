import { endingOf, joined, stemOf } from '../paths.ts';
import { decodeText, filledLines } from '../text.ts';
import type { Tree } from '../tree.ts';

/** What VOC's layout says of a whole data set: its classes, and which images belong to which split. */

/** The classes of the challenges. */
export const vocClasses = [
  'aeroplane',
  'bicycle',
  'bird',
  'boat',
  'bottle',
  'bus',
  'car',
  'cat',
  'chair',
  'cow',
  'diningtable',
  'dog',
  'horse',
  'motorbike',
  'person',
  'pottedplant',
  'sheep',
  'sofa',
  'train',
  'tvmonitor',
] as const;

/** Returns the lists of images by split. Lists of single classes (`cat_val.txt`) are none. */
export async function listsIn(tree: Tree, folder: string): Promise<Map<string, string>> {
  const lists = new Map<string, string>();
  for (const name of await tree.files(folder)) {
    if (endingOf(name) === '.txt' && !/.+_(?:train|val|trainval|test)\.txt$/i.test(name))
      lists.set(stemOf(name), joined(folder, name));
  }
  return lists;
}

/** Reads the stems in a list. */
export async function stemsIn(tree: Tree, list: string): Promise<string[]> {
  return filledLines(decodeText(await tree.read(list), tree.shown(list)));
}
