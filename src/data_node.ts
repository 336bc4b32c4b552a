/** `moganet/data` in Node, where data sets are also opened by path. */

import { isFolder } from './data/folder.ts';
import type { ImageSet } from './data/image_set.ts';
import { type DatasetFiles, openDataset as openFiles } from './data/open.ts';
import type { OpenDatasetOptions } from './data/options.ts';
import { dataFolderAt } from './platform/node/data_folder.ts';

export * from './data/index.ts';

/**
 * Opens a data set by the path or `file:` URL of its folder, or of its annotation file, or by its files as in a browser.
 * Its layout is recognised by what is in the folder. Classes and the number of images are known then; images are read one
 * by one.
 *
 * @throws ConfigError for options that do not exist, DataError if no layout fits or its files cannot be used
 */
export async function openDataset(
  ref: string | URL | DatasetFiles,
  options: OpenDatasetOptions = {},
): Promise<ImageSet> {
  if ((typeof ref !== 'string' && !(ref instanceof URL)) || isFolder(ref)) return openFiles(ref, options);
  const { folder, file } = dataFolderAt(ref);
  return openFiles(folder, { ...options, annotations: options.annotations ?? file });
}
