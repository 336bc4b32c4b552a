import { ConfigError } from '../errors.ts';
import { foundIn } from '../values.ts';
import { type DataFolder, type FilesInMemory, isFiles, isFolder, memoryFolder } from './folder.ts';
import type { DataFormat, ImageSet } from './image_set.ts';
import { Notices } from './notices.ts';
import { checkedOptions, type OpenDatasetOptions, type Options } from './options.ts';
import { recognise } from './recognise.ts';
import { Tree } from './tree.ts';

/** Where a data set is: a folder, files in memory by their paths, or those that the user of a page chose. */
export type DatasetFiles = DataFolder | FilesInMemory;

interface Layout {
  /** @param base the folder of the data set below that of the tree */
  open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet>;
}

/** Readers are loaded with the first data set of their layout. */
const layouts: Readonly<Record<DataFormat, () => Promise<Layout>>> = {
  coco: () => import('./layouts/coco.ts'),
  voc: () => import('./layouts/voc.ts'),
  labelme: () => import('./layouts/labelme.ts'),
  yolo: () => import('./layouts/yolo.ts'),
  cvat_xml: () => import('./layouts/cvat_xml.ts'),
  ade20k: () => import('./layouts/ade20k.ts'),
  cityscapes: () => import('./layouts/cityscapes.ts'),
  segment_folders: () => import('./layouts/segment_folders.ts'),
  class_folders: () => import('./layouts/class_folders.ts'),
};

/**
 * Opens a data set. Its layout is recognised by what is in the folder. Classes and the number of images are known then;
 * images are read one by one.
 *
 * @throws ConfigError for options that do not exist, DataError if no layout fits or its files cannot be used
 */
export async function openDataset(files: DatasetFiles, options: OpenDatasetOptions = {}): Promise<ImageSet> {
  const checked = checkedOptions(options);
  const tree = new Tree(folderOf(files));
  const { format, base, others } = await recognise(tree, checked.format);
  const notices = new Notices();
  if (others.length > 0) {
    notices.add(
      'format',
      `The folder is read as ${format}; it can also be read as ${others.join(', ')} (option \`format\`).`,
    );
  }
  const layout = await layouts[format]();
  return layout.open(tree, base, checked, notices);
}

function folderOf(files: unknown): DataFolder {
  if (isFolder(files)) return files;
  if (isFiles(files)) return memoryFolder(files);
  const path = typeof files === 'string' ? ' A path is read in Node: import openDataset of moganet/data there.' : '';
  throw new ConfigError(
    `openDataset takes a folder, a Map of files by path or a list of files, got ${foundIn(files)}.${path}`,
  );
}
