import { DataError } from '../../errors.ts';
import type { Notices } from '../notices.ts';
import { joined, leaves, normalPath, parentOf } from '../paths.ts';
import type { Tree } from '../tree.ts';

/** Finds the images that an annotation file names, in a folder that it does not name. */

export interface Places {
  readonly base: string;
  readonly split: string | undefined;
  /** The annotation file. */
  readonly beside: string;
  /** The folder that the caller names. Nothing is searched elsewhere. */
  readonly images: string | undefined;
  /** All images in the folders belong to this annotation file. */
  readonly alone?: boolean | undefined;
  readonly notices: Notices;
}

/**
 * Returns the path of each image. One that is not there keeps the path where it was expected.
 *
 * @throws DataError for a name that leaves the folder
 */
export async function locateImages(tree: Tree, names: readonly string[], places: Places): Promise<string[]> {
  const folders = await foldersToSearch(tree, places);
  const missing: string[] = [];
  const paths: string[] = [];
  for (const name of names) {
    const normal = normalPath(name);
    if (leaves(normal)) {
      throw new DataError(
        `${tree.shown(places.beside)}: the image ${JSON.stringify(name)} is outside of the data set.`,
      );
    }
    const path = await locate(tree, normal, folders);
    paths.push(path ?? joined(folders[0] ?? places.base, normal));
    if (path === undefined) missing.push(paths.at(-1)!);
  }
  places.notices.addFiles(
    'labels without an image',
    (n, few) => `${n} ${n === 1 ? 'image of the annotations is' : 'images of the annotations are'} not there: ${few}.`,
    missing,
  );
  if (places.alone) await sayUnlabelled(tree, paths, places.notices);
  return paths;
}

/** Searches the folders in order; the one that had the last image is the first for the next. */
async function locate(tree: Tree, name: string, folders: string[]): Promise<string | undefined> {
  const parts = name.split('/');
  // a path may begin elsewhere, as `data/images/1.jpg` does: its end is tried last
  for (let from = 0; from < parts.length; from++) {
    const rest = parts.slice(from).join('/');
    for (const [i, folder] of folders.entries()) {
      const path = await tree.find(joined(folder, rest));
      if (path === undefined) continue;
      if (i > 0) folders.unshift(...folders.splice(i, 1));
      return path;
    }
  }
  return undefined;
}

async function foldersToSearch(tree: Tree, { base, split, beside, images }: Places): Promise<string[]> {
  if (images !== undefined) {
    const folder = await tree.findFolder(joined(base, images));
    if (folder === undefined)
      throw new DataError(`${tree.shown(joined(base, images))}: there is no such folder of images.`);
    return [folder];
  }
  const likely =
    split === undefined ? [] : [joined(base, 'images', split), joined(base, split, 'images'), joined(base, split)];
  const usual = ['images', 'data', 'JPEGImages', 'img', 'imgs'].map((name) => joined(base, name));
  const found = new Set<string>();
  for (const folder of [...likely, parentOf(beside), ...usual, base]) {
    if (folder === '' || (await tree.hasFiles(folder))) found.add(folder);
  }
  // images spread over several folders: train2017, val2017
  for (const name of await tree.folders(base)) {
    found.add(joined(base, name));
    for (const inner of await tree.folders(joined(base, name))) found.add(joined(base, name, inner));
  }
  return [...found];
}

async function sayUnlabelled(tree: Tree, paths: readonly string[], notices: Notices): Promise<void> {
  const labelled = new Set(paths);
  const strays = (await tree.imagesIn(paths.map(parentOf))).filter((path) => !labelled.has(path));
  notices.addFiles('images without labels', (n, few) => `${n} images are not in the annotations: ${few}.`, strays);
}
