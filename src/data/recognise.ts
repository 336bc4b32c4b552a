import { DataError } from '../errors.ts';
import type { DataFormat } from './image_set.ts';
import { cocoFilesIn } from './layouts/coco_files.ts';
import { joined } from './paths.ts';
import type { Tree } from './tree.ts';

/** Tells layouts apart by what is in the folder. */

export interface Recognised {
  readonly format: DataFormat;
  /** The folder of the data set: the one given, or the only one in it. */
  readonly base: string;
  /** Other layouts that fit as well. */
  readonly others: readonly DataFormat[];
}

/** What tells a layout from the others, most telling first. */
export const signs: readonly (readonly [DataFormat, (tree: Tree, base: string) => Promise<boolean>])[] = [
  ['coco', async (tree, base) => (await cocoFilesIn(tree, base)).length > 0],
];

/** Archives put one folder around another. */
const deepest = 3;

/** @throws DataError if no layout fits, or not the one that is asked for */
export async function recognise(tree: Tree, wanted: DataFormat | undefined): Promise<Recognised> {
  let base = '';
  for (let depth = 0; depth <= deepest; depth++) {
    const fitting: DataFormat[] = [];
    for (const [format, fits] of signs) {
      if ((wanted === undefined || wanted === format) && (await fits(tree, base))) fitting.push(format);
    }
    const [format, ...others] = fitting;
    if (format !== undefined) return { format, base, others };
    const [only, ...more] = await tree.folders(base);
    if (only === undefined || more.length > 0) break;
    base = joined(base, only);
  }
  throw new DataError(`${tree.name}: no data set found.`);
}
