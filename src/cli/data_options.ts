import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { dataFormats, type ImageSet } from '../data/image_set.ts';
import { UsageError } from './failure.ts';

/** The data set that a command line names. */

export interface DataOptions {
  readonly data: string;
  readonly format?: ImageSet['format'];
  readonly split?: string;
  readonly annotations?: string;
  readonly images?: string;
  readonly labels?: string;
}

/** Adds what says where the data set is and how it is laid out. */
export const addDataOptions = (command: Command): Command =>
  command
    .requiredOption('-d, --data <folder>', 'the data set: its folder, or its annotation file')
    .addOption(
      new Option('--format <format>', 'the layout of the data set (default: recognised by its files)').choices(
        dataFormats,
      ),
    )
    .option(
      '--split <name>',
      'the part of the data set, such as val (default: the only one; of several val, test, train)',
    )
    .option('--annotations <file>', 'the annotation file, below the folder')
    .option('--images <folder>', 'the folder of the images, below the folder')
    .option('--labels <folder>', 'the folder of the label maps, below the folder');

/** @throws UsageError if there is no such folder, DataError if its files cannot be used */
export async function openData({ data, format, split, annotations, images, labels }: DataOptions): Promise<ImageSet> {
  if (data === '') throw new UsageError('empty --data. Is a shell variable unset?');
  if (!existsSync(data)) throw new UsageError(`${data}: there is no such folder. Check the path of --data.`);
  const { openDataset } = await import('../data_node.ts');
  return openDataset(data, { format, split, annotations, images, labels });
}
