import { existsSync } from 'node:fs';
import { type Command, Option } from 'commander';
import { dataFormats, type ImageSet } from '../data/image_set.ts';
import { UsageError } from './failure.ts';

/** The data set that a command line names. */

/** The options as the command line gives them. */
export interface DataOptions {
  readonly data: string;
  readonly format?: ImageSet['format'];
  readonly split?: string;
  readonly annotations?: string;
  readonly images?: string;
  readonly labels?: string;
}

/** The option that says how a data set is laid out. */
export const formatOption = (): Option =>
  new Option('--format <format>', 'the layout of the data set (default: recognised by its files)').choices(dataFormats);

/** Adds how a data set is laid out, and which part of it is read. */
export const addLayoutOptions = (command: Command): Command =>
  command
    .addOption(formatOption())
    .option(
      '--split <name>',
      'the part of the data set, such as val (default: the only one; of several val, test, train)',
    )
    .option('--annotations <file>', 'the annotation file, below the folder');

/** Adds what says where the data set is, and how it is laid out. */
export const addDataOptions = (command: Command): Command =>
  addLayoutOptions(command.requiredOption('-d, --data <folder>', 'the data set: its folder, or its annotation file'))
    .option('--images <folder>', 'the folder of the images, below the folder')
    .option('--labels <folder>', 'the folder of the label maps, below the folder');

/**
 * Opens the data set.
 *
 * @param task what the labels are for; see `openDataset`
 * @throws UsageError if there is no such folder, DataError if its files cannot be used
 */
export async function openData(
  { data, format, split, annotations, images, labels }: DataOptions,
  task?: 'pose',
): Promise<ImageSet> {
  if (!existsSync(data)) throw new UsageError(`${data}: there is no such folder. Check the path of --data.`);
  const { openDataset } = await import('../data_node.ts');
  return openDataset(data, { format, split, annotations, images, labels, task });
}

/** Returns a data set with its keypoints: COCO has files of its own for these, and the others are opened first. */
export function openKeypoints(set: ImageSet, options: DataOptions): Promise<ImageSet> | ImageSet {
  const settled = set.kinds.includes('keypoints') || set.format !== 'coco' || options.annotations !== undefined;
  return settled ? set : openData(options, 'pose');
}
