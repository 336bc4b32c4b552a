import { DataError } from '../../errors.ts';
import { formatOf } from '../../formats/sniff.ts';
import { imageSizeAt } from '../image_header.ts';
import type { ImageSet } from '../image_set.ts';
import type { Notices } from '../notices.ts';
import type { Options } from '../options.ts';
import { endingOf, isImageName, joined } from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit, roleOf } from '../splits.ts';
import type { Tree } from '../tree.ts';

/** A folder per class, as torchvision's ImageFolder reads them: `train/cat/1.jpg`. */
export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  const splits = await splitsIn(tree, base);
  const split = splits && chosenSplit(splits, options.split, { name: tree.shown(base), notices });
  if (!splits && options.split !== undefined) {
    throw new DataError(
      `${tree.shown(base)}: has no splits (folders train, val or test with a folder per class), so no "${options.split}".`,
    );
  }
  const root = joined(base, options.images ?? '', split ?? '');
  const folders = await tree.folders(root);
  const classes = options.classes ?? folders;
  if (classes.length !== folders.length) {
    throw new DataError(
      `${tree.shown(root)}: ${folders.length} folders, but ${classes.length} names of classes. Give one for each folder.`,
    );
  }
  const entries: { readonly path: string; readonly label: number }[] = [];
  const empty: string[] = [];
  for (const [label, folder] of folders.entries()) {
    const paths = await imagesBelow(tree, joined(root, folder));
    for (const path of paths) entries.push({ path, label });
    if (paths.length === 0) empty.push(joined(root, folder));
  }
  notices.addFiles('classes without an image', (n, names) => `${n} folders of classes have no image: ${names}.`, empty);
  return imageSetOf(
    { format: 'class_folders', split, kinds: ['class'], classes },
    {
      tree,
      notices,
      entries,
      read: async ({ path, label }, id) => ({
        id,
        file: path,
        size: await imageSizeAt(tree, path),
        label,
        bytes: () => tree.read(path),
      }),
    },
  );
}

/** Returns the folders for training, validation and test if these have the folders of classes. */
export async function splitsIn(tree: Tree, base: string): Promise<string[] | undefined> {
  const splits: string[] = [];
  for (const name of await tree.folders(base)) {
    if (roleOf(name) && (await tree.folders(joined(base, name))).length > 0) splits.push(name);
  }
  return splits.length > 0 ? splits : undefined;
}

/** Endings of files beside images, which need not be opened to see that they are none. */
const otherEndings = new Set([
  '.txt',
  '.md',
  '.json',
  '.xml',
  '.csv',
  '.yaml',
  '.yml',
  '.html',
  '.py',
  '.pdf',
  '.zip',
  '.db',
  '.log',
  '.mat',
  '.npy',
  '.ini',
  '.cache',
]);

/** Returns the images below a folder: content decides where an ending says nothing. */
async function imagesBelow(tree: Tree, folder: string): Promise<string[]> {
  const paths = await tree.below(folder, (name) => !otherEndings.has(endingOf(name)));
  const images: string[] = [];
  for (const path of paths) if (isImageName(path) || (await isImage(tree, path))) images.push(path);
  return images;
}

async function isImage(tree: Tree, path: string): Promise<boolean> {
  const { kind } = formatOf(await tree.head(path, 64), ['png', 'jpeg']);
  return kind === 'png' || kind === 'jpeg';
}
