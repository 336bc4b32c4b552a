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
import { keypointNames, keypointsIn } from './labelme_points.ts';
import { type LabelmeNames, objectsIn } from './labelme_shapes.ts';

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
  const seen = await namesSeen(tree, files, listed && lookedAt);
  const classes = listed?.filter((name) => !notClasses.has(name)) ?? [...seen.classes].sort(byCodePoint);
  await sayUnlabelled(tree, files, notices);
  const keypoints = keypointNames(seen.keypoints);
  const names = {
    labelOf: new Map(classes.map((name, label) => [name, label])),
    keypoints: keypoints?.names ?? [],
  };
  const images = options.images === undefined ? undefined : joined(base, options.images);
  return imageSetOf(
    {
      format: 'labelme',
      split,
      kinds: keypoints ? ['objects', 'masks', 'keypoints'] : ['objects', 'masks'],
      classes,
      keypoints,
    },
    { tree, notices, entries: files, read: (path, id) => imageOf(tree, path, id, names, images, notices) },
  );
}

const isJson = (name: string): boolean => endingOf(name) === '.json';

/** The ending that this package adds to the stem of the image: `a.labelme.json`. */
const ownEnding = /\.labelme$/;

/** Other files of programs that write labelme's format. */
const otherFiles = /^(?:classes|labels|config|package|notes)\.json$/i;

/** What labelme's own lists have before the classes. */
const notClasses = new Set(['__ignore__', '_background_']);

/** Files that are looked at for keypoints if the classes are known. */
const lookedAt = 32;

/**
 * Collects the names of all objects and keypoints. What cannot be read is said when its file is reached.
 *
 * @param most reads no more files if none of so many has keypoints
 */
async function namesSeen(tree: Tree, files: readonly string[], most = files.length) {
  const [classes, keypoints] = [new Set<string>(), new Set<string>()];
  for (const [i, file] of files.entries()) {
    if (i >= most && keypoints.size === 0) break;
    try {
      const { shapes } = readLabelme(await tree.read(file), tree.shown(file));
      for (const shape of shapes) if (isKept(shape)) classes.add(shape.label);
      for (const name of keypointsIn(shapes)) keypoints.add(name);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return { classes, keypoints };
}

async function imageOf(
  tree: Tree,
  path: string,
  id: number,
  names: LabelmeNames,
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
    if (isKept(shape) && !names.labelOf.has(shape.label)) {
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
    objects: objectsIn(labels.shapes, names, size, name, (place, why) =>
      notices.add('points that are left out', `${place}: ${why}, so the point is left out.`),
    ),
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
  const labelled = new Set(files.map((file) => stemOf(file).replace(ownEnding, '')));
  const bare = (await tree.imagesIn(files.map(parentOf))).filter((path) => !labelled.has(stemOf(path)));
  notices.addFiles(
    'images without labels',
    (n, few) => `${n} ${n === 1 ? 'image has no JSON and is' : 'images have no JSON and are'} left out: ${few}.`,
    bare,
  );
}
