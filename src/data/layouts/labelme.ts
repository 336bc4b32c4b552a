import type { Size } from '../../arrays.ts';
import { DataError } from '../../errors.ts';
import { imageSizeAt, sizeIn } from '../image_header.ts';
import type { ImageSet, LabelledImage } from '../image_set.ts';
import { namesIn } from '../names.ts';
import type { Notices } from '../notices.ts';
import { checkSize } from '../objects.ts';
import type { Options } from '../options.ts';
import {
  byCodePoint,
  endingOf,
  fileNameOf,
  isAbsolute,
  isImageName,
  joined,
  normalPath,
  parentOf,
  stemOf,
} from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit, roleOf } from '../splits.ts';
import { bytesOfBase64 } from '../text.ts';
import type { Tree } from '../tree.ts';
import { isKept, type LabelmeImage, readLabelme } from './labelme_json.ts';
import { objectsIn } from './labelme_shapes.ts';

/** labelme, versions 3 to 5, and programs that write its format: a JSON per image, which may hold the image itself. */
export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  const splits = (await tree.folders(base)).filter(roleOf);
  const ownFiles = (await tree.files(base)).some(isJson);
  if (options.split !== undefined && ownFiles) {
    throw new DataError(`${tree.shown(base)}: has no splits, so no "${options.split}".`);
  }
  const split =
    ownFiles || splits.length === 0
      ? undefined
      : chosenSplit(splits, options.split, { name: tree.shown(base), notices });
  const root = joined(base, split ?? '');
  const files = (await tree.below(root, isJson)).filter((path) => !otherFiles.test(fileNameOf(path)));
  if (files.length === 0) throw new DataError(`${tree.shown(root)}: no label file of labelme found (*.json).`);
  const listed = options.classes ?? (await namesIn(tree, base, ['labels.txt', 'classes.txt']));
  const classes = listed ? listed.filter((name) => !notClasses.has(name)) : await namesSeen(tree, files);
  await sayUnlabelled(tree, files, notices);
  const labelOf = new Map(classes.map((name, label) => [name, label]));
  const images = options.images === undefined ? undefined : joined(base, options.images);
  return imageSetOf(
    { format: 'labelme', split, kinds: ['objects', 'masks'], classes },
    { tree, notices, entries: files, read: (path, id) => imageOf(tree, path, id, labelOf, images, notices) },
  );
}

const isJson = (name: string): boolean => endingOf(name) === '.json';

/** Other files of programs that write labelme's format. */
const otherFiles = /^(?:classes|labels|config|package|notes)\.json$/i;

/** What labelme's own lists have before the classes. */
const notClasses = new Set(['__ignore__', '_background_']);

/** Collects the names of all shapes. What cannot be read is said when its file is reached. */
async function namesSeen(tree: Tree, files: readonly string[]): Promise<string[]> {
  const names = new Set<string>();
  for (const file of files) {
    try {
      const { shapes } = readLabelme(await tree.read(file), tree.shown(file));
      for (const shape of shapes) if (isKept(shape)) names.add(shape.label);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return [...names].sort(byCodePoint);
}

async function imageOf(
  tree: Tree,
  path: string,
  id: number,
  labelOf: ReadonlyMap<string, number>,
  images: string | undefined,
  notices: Notices,
): Promise<LabelledImage> {
  const name = tree.shown(path);
  const labels = readLabelme(await tree.read(path), name);
  const found = await imageFor(tree, path, labels.imagePath, images);
  const inline =
    found === undefined && labels.imageData ? bytesOfBase64(labels.imageData, `${name}: imageData`) : undefined;
  const file = found ?? joined(parentOf(path), fileNameOf(normalPath(labels.imagePath ?? `${stemOf(path)}.jpg`)));
  if (found === undefined && !inline) {
    notices.add(
      'labels without an image',
      `${path}: its image ${labels.imagePath ?? ''} is not there, and not in the file.`,
    );
  }
  const size = await sizeOf(tree, file, labels, inline, name);
  for (const shape of labels.shapes) {
    if (isKept(shape) && !labelOf.has(shape.label)) {
      notices.add(
        'labels that are not listed',
        `${path}: the label ${JSON.stringify(shape.label)} is not in the list of classes. Its shapes are left out.`,
      );
    }
  }
  return {
    id,
    file,
    labelFile: path,
    size,
    objects: objectsIn(labels.shapes, labelOf, size, name),
    bytes: async () => inline ?? tree.read(file),
  };
}

/** Finds the image that a label file names: from the file, which may be in a folder beside; a path of another machine by its name. */
async function imageFor(
  tree: Tree,
  path: string,
  imagePath: string | undefined,
  images: string | undefined,
): Promise<string | undefined> {
  const folder = parentOf(path);
  if (imagePath !== undefined && imagePath !== '') {
    const name = fileNameOf(normalPath(imagePath));
    const candidates = isAbsolute(imagePath)
      ? [joined(folder, name)]
      : [joined(folder, imagePath), joined(folder, name)];
    if (images !== undefined) candidates.unshift(joined(images, name));
    for (const candidate of [...candidates, joined(parentOf(folder), 'images', name)]) {
      const found = await tree.find(candidate, { beside: true });
      if (found !== undefined) return found;
    }
  }
  const own = (await tree.files(folder)).find((name) => isImageName(name) && stemOf(name) === fileNameOf(stemOf(path)));
  return own === undefined ? undefined : joined(folder, own);
}

async function sizeOf(
  tree: Tree,
  file: string,
  labels: LabelmeImage,
  inline: Uint8Array | undefined,
  name: string,
): Promise<Size> {
  if (labels.size) return checkSize(labels.size, name);
  if (!inline) return imageSizeAt(tree, file);
  const size = sizeIn(inline);
  if (!size) throw new DataError(`${name}: imageData: not an image.`);
  return size;
}

async function sayUnlabelled(tree: Tree, files: readonly string[], notices: Notices): Promise<void> {
  const labelled = new Set(files.map(stemOf));
  const bare = (await tree.imagesIn(files.map(parentOf))).filter((path) => !labelled.has(stemOf(path)));
  notices.addFiles(
    'images without labels',
    (n, few) => `${n} ${n === 1 ? 'image has no JSON and is' : 'images have no JSON and are'} left out: ${few}.`,
    bare,
  );
}
