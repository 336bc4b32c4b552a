import { DataError } from '../../errors.ts';
import type { ImageSet } from '../image_set.ts';
import { translated, withoutZero } from '../label_maps.ts';
import { classFileIn, namesIn } from '../names.ts';
import type { Notices } from '../notices.ts';
import type { Options } from '../options.ts';
import { endingOf, fileNameOf, isImageName, joined, stemOf } from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit } from '../splits.ts';
import { decodeText, filledLines } from '../text.ts';
import type { Tree } from '../tree.ts';
import { type Pair, pairedImage, sayUnpaired } from './pairs.ts';

/** Images and label maps of the same names in two folders, as mmsegmentation has them: `img_dir/train`, `ann_dir/train`. */
export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  const folders = await foldersOf(tree, base, options);
  const parts = await partsOf(tree, base, folders);
  const name = tree.shown(base);
  const wanted =
    options.split ?? (options.annotations === undefined ? undefined : stemOf(fileNameOf(options.annotations)));
  const split = chosenSplit(
    parts.map((part) => part.split),
    wanted ?? (parts.some((part) => part.split === '') ? '' : undefined),
    { name, notices },
  );
  const part = parts.find((one) => one.split === split)!;
  const pairs = part.file ? await listedPairs(tree, part, notices) : await allPairs(tree, part, notices);
  const named = await classFileIn(tree, base);
  const classes = options.classes ?? named?.labels ?? (await namesIn(tree, base)) ?? [];
  if (classes.length === 0) {
    notices.add(
      'classes',
      `${name}: names no classes. Write classes.txt with a name a line, or give them in code as \`classes\`.`,
    );
  }
  const ignore = options.ignore ?? named?.ignore ?? 255;
  return imageSetOf(
    {
      format: 'segment_folders',
      split: split || undefined,
      kinds: ['labels'],
      classes: [],
      labelClasses: classes.length > 0 ? classes : undefined,
      ignore,
    },
    {
      tree,
      notices,
      entries: pairs,
      read: (pair, id) =>
        pairedImage(tree, pair, id, {
          meaning: (map) => (options.reduceZeroLabel ? translated(map, withoutZero, 255) : map),
        }),
    },
  );
}

interface Folders {
  readonly images: string;
  readonly maps: string;
}

/** A part of the data set: all files of two folders, or those that a file lists. */
interface SegmentPart extends Folders {
  readonly split: string;
  readonly file?: string | undefined;
}

/** Names of the two folders, the usual ones of several tools. */
const usual = [
  ['img_dir', 'ann_dir'],
  ['images', 'annotations'],
  ['images', 'labels'],
  ['images', 'masks'],
  ['imgs', 'masks'],
  ['img', 'mask'],
  ['image', 'label'],
  ['image', 'mask'],
] as const;

const isMap = (name: string): boolean => endingOf(name) === '.png';

/** Returns the folders of images and of label maps; undefined if there are none. */
export async function findFolders(tree: Tree, base: string): Promise<Folders | undefined> {
  for (const [images, maps] of usual) {
    const found = { images: joined(base, images), maps: joined(base, maps) };
    if (!(await tree.hasFiles(found.images)) || !(await tree.hasFiles(found.maps))) continue;
    if ((await tree.below(found.maps, isMap)).length > 0) return found;
  }
  return undefined;
}

async function foldersOf(tree: Tree, base: string, { images, labels }: Options): Promise<Folders> {
  const found = await findFolders(tree, base);
  const folders = {
    images: images === undefined ? found?.images : joined(base, images),
    maps: labels === undefined ? found?.maps : joined(base, labels),
  };
  for (const folder of [folders.images, folders.maps]) {
    if (folder !== undefined && (await tree.hasFiles(folder))) continue;
    const what =
      folder === undefined ? 'no folders of images and label maps (img_dir and ann_dir)' : `no folder ${folder}`;
    throw new DataError(`${tree.shown(base)}: has ${what}. Name them with the options \`images\` and \`labels\`.`);
  }
  return folders as Folders;
}

/** Returns the parts by folder, the part of the files that are in none, and the lists in `splits`. */
async function partsOf(tree: Tree, base: string, { images, maps }: Folders): Promise<SegmentPart[]> {
  const parts: SegmentPart[] = [];
  if ((await tree.files(images)).some(isImageName)) parts.push({ split: '', images, maps });
  for (const split of await tree.folders(images)) {
    if (await tree.hasFiles(joined(maps, split))) {
      parts.push({ split, images: joined(images, split), maps: joined(maps, split) });
    }
  }
  for (const folder of ['splits', 'split', 'ImageSets/Segmentation', 'ImageSets']) {
    for (const name of await tree.files(joined(base, folder))) {
      const split = stemOf(name);
      if (endingOf(name) === '.txt' && !parts.some((part) => part.split === split)) {
        parts.push({ split, images, maps, file: joined(base, folder, name) });
      }
    }
  }
  return parts;
}

/** What tools put between the stem of an image and the ending of its map. */
const suffixes = ['', '_mask', '_label', '_labels', '_seg', '_gt', '_L', '_labelTrainIds', '_labelIds'];

/** Returns the maps by their path below the folder, without ending. */
async function mapsByStem(tree: Tree, folder: string): Promise<Map<string, string>> {
  const paths = await tree.below(folder, isMap);
  return new Map(paths.map((path) => [keyIn(folder, path), path]));
}

const keyIn = (folder: string, path: string): string =>
  stemOf(folder === '' ? path : path.slice(folder.length + 1)).normalize('NFC');

async function allPairs(tree: Tree, { images, maps }: Folders, notices: Notices): Promise<Pair[]> {
  const mapOf = await mapsByStem(tree, maps);
  const paths = await tree.below(images);
  const pairs = paths.map((image) => ({ image, map: mapFor(mapOf, keyIn(images, image)) }));
  const used = new Set(pairs.map(({ map }) => map));
  sayUnpaired(
    notices,
    pairs.flatMap(({ image, map }) => (map === undefined ? image : [])),
    [...mapOf.values()].filter((map) => !used.has(map)),
  );
  return pairs.flatMap(({ image, map }) => (map === undefined ? [] : { image, map }));
}

function mapFor(mapOf: ReadonlyMap<string, string>, key: string): string | undefined {
  const suffix = suffixes.find((one) => mapOf.has(key + one));
  return suffix === undefined ? undefined : mapOf.get(key + suffix);
}

/** Returns the pairs that a file lists by their stems, in its order. @throws DataError for a stem that several folders have */
async function listedPairs(tree: Tree, { images, maps, file = '' }: SegmentPart, notices: Notices): Promise<Pair[]> {
  const mapOf = await mapsByStem(tree, maps);
  const imageOf = new Map((await tree.below(images)).map((image) => [keyIn(images, image), image]));
  const byName = new Map<string, string[]>();
  for (const key of imageOf.keys()) byName.set(fileNameOf(key), [...(byName.get(fileNameOf(key)) ?? []), key]);
  const lines = filledLines(decodeText(await tree.read(file), tree.shown(file)));
  const missing: string[] = [];
  const unmapped: string[] = [];
  const pairs = lines.flatMap((line) => {
    const key = keyOfLine(line, imageOf, byName, tree.shown(file));
    const image = key === undefined ? undefined : imageOf.get(key);
    if (key === undefined || image === undefined) {
      missing.push(line);
      return [];
    }
    const map = mapFor(mapOf, key);
    if (map === undefined) unmapped.push(image);
    return map === undefined ? [] : { image, map };
  });
  notices.addFiles(
    'listed images that are not there',
    (n, names) => `${n} images listed in ${file} are not there: ${names}.`,
    missing,
  );
  sayUnpaired(notices, unmapped, []);
  return pairs;
}

/** Some lists have the ending of the image, or its map in a second column. */
function keyOfLine(
  line: string,
  imageOf: ReadonlyMap<string, string>,
  byName: ReadonlyMap<string, readonly string[]>,
  file: string,
): string | undefined {
  const [first = line] = line.split(/\s+/);
  for (const text of [line, stemOf(line), first, stemOf(first)]) {
    const key = joined(text).normalize('NFC');
    if (imageOf.has(key)) return key;
    const keys = byName.get(fileNameOf(key)) ?? [];
    if (keys.length > 1)
      throw new DataError(
        `${file}: ${line} is in several folders: ${keys.slice(0, 4).join(', ')}. Write the folder before it.`,
      );
    if (keys.length === 1) return keys[0];
  }
  return undefined;
}
