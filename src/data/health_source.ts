import { groupedBy, type Size } from '../arrays.ts';
import { ConfigError, DataError } from '../errors.ts';
import { isObject } from '../values.ts';
import type { DataFolder } from './folder.ts';
import type { HealthSplit } from './health.ts';
import { faultsOfMap, imageSetSplit } from './health_image_set.ts';
import { lenientJson } from './health_json.ts';
import { imageSizeAt } from './image_header.ts';
import type { DataFormat, ImageSet } from './image_set.ts';
import { type CocoPath, cocoFilesIn } from './layouts/coco_files.ts';
import { labelFolderOf } from './layouts/coco_labels.ts';
import { locateImages } from './layouts/locate.ts';
import { Notices } from './notices.ts';
import { openDataset } from './open.ts';
import { fileNameOf, leaves, normalPath } from './paths.ts';
import { recognise } from './recognise.ts';
import { chosenSplit, roleOf } from './splits.ts';
import { Tree } from './tree.ts';

/**
 * Opens a data set to be checked. Annotation files of COCO are read with all their faults, every split of them; other
 * layouts through their readers, which say what they cannot use.
 */

export interface HealthSourceOptions {
  readonly format?: DataFormat | undefined;
  /** By default every split of COCO's files, and of other layouts those for training, validation and testing. */
  readonly splits?: readonly string[] | undefined;
  /** The annotation file below the folder. */
  readonly annotations?: string | undefined;
  /** Read the files of images and of label maps. Default true. */
  readonly images?: boolean | undefined;
  /** Hears of each image whose labels are read. */
  onProgress?(done: number, total: number, file: string): void;
}

/** What is checked. */
export interface HealthSource {
  readonly format: DataFormat;
  readonly splits: readonly HealthSplit[];
}

/**
 * Opens a data set for `checkHealth`: its documents with all their faults, and a way to its files.
 *
 * @throws DataError if there is no data set, or its annotation file is not JSON; ConfigError for a split named twice
 */
export async function openHealthSource(folder: DataFolder, options: HealthSourceOptions = {}): Promise<HealthSource> {
  const tree = new Tree(folder);
  const { annotations, splits } = options;
  const twice = splits?.find((split, i) => splits.indexOf(split) !== i);
  if (twice !== undefined) throw new ConfigError(`the split "${twice}" is named twice. Name each split once.`);
  const isJson = annotations !== undefined && /\.json$/i.test(annotations);
  if (options.format === undefined && isJson)
    return { format: 'coco', splits: await givenCoco(tree, annotations, options) };
  const { format, base } = await recognise(tree, options.format);
  if (format === 'coco') {
    if (annotations !== undefined) return { format, splits: await givenCoco(tree, annotations, options) };
    return { format, splits: await cocoSplits(tree, base, options) };
  }
  const opened: HealthSplit[] = [];
  const first = splits ? undefined : await openFirst(folder, { format, annotations });
  for (const split of splits ?? partsOf(first) ?? [undefined]) {
    const set =
      first !== undefined && split === undefined
        ? first
        : await (splits ? openDataset : openPart)(folder, { format, split, annotations });
    if ('count' in set) opened.push(await imageSetSplit(set, tree, options));
    else opened.push({ name: split ?? '', file: tree.shown(base), document: nothingListed, failures: [set.message] });
  }
  return { format, splits: opened };
}

type Opening = Pick<HealthSourceOptions, 'format' | 'annotations'>;

const nothingListed = { images: [], annotations: [], categories: [] };

/** Opens the part that is read by default, or another if its files are not there. @throws DataError if none can be opened */
async function openFirst(folder: DataFolder, options: Opening): Promise<ImageSet> {
  try {
    return await openDataset(folder, options);
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    for (const split of ['train', 'val', 'test']) {
      const set = await openPart(folder, { ...options, split });
      if ('count' in set) return set;
    }
    throw error;
  }
}

/** Opens a part, or returns what is wrong if its files cannot be used. */
async function openPart(
  folder: DataFolder,
  options: Opening & { readonly split: string | undefined },
): Promise<ImageSet | DataError> {
  try {
    return await openDataset(folder, options);
  } catch (error) {
    if (error instanceof DataError) return error;
    throw error;
  }
}

/** Returns the parts for training, validation and testing. Others (`trainval`) are unions of them. Undefined if there are none. */
function partsOf(set: ImageSet | undefined): readonly string[] | undefined {
  const parts = set?.splits?.filter((name) => roleOf(name) !== undefined) ?? [];
  return parts.length > 0 ? parts : undefined;
}

/** Which file of one split is checked. */
const order: readonly CocoPath['task'][] = ['instances', 'other', 'keypoints'];

async function cocoSplits(tree: Tree, base: string, options: HealthSourceOptions): Promise<HealthSplit[]> {
  const files = (await cocoFilesIn(tree, base)).filter(({ task }) => task !== 'panoptic');
  const bySplit = groupedBy(files, ({ split = '' }) => split);
  const names = [...bySplit.keys()];
  const where = { name: tree.shown(base), notices: new Notices() };
  const wanted = options.splits?.map((split) => chosenSplit(names.filter(Boolean), split, where)) ?? names;
  const splits: HealthSplit[] = [];
  for (const split of wanted) {
    const files = bySplit.get(split) ?? [];
    const [chosen, ...others] = order.flatMap((task) => files.filter((file) => file.task === task));
    if (!chosen) continue;
    const notices = others.map(
      ({ path }) => `${path} is of the same split as ${chosen.path}, and was not checked. Name the file to check it.`,
    );
    splits.push(await cocoSplit(tree, base, chosen, notices, options));
  }
  if (splits.length === 0)
    throw new DataError(`${tree.shown(base)}: no annotation file of COCO for objects or keypoints.`);
  return splits;
}

async function givenCoco(tree: Tree, file: string, options: HealthSourceOptions): Promise<HealthSplit[]> {
  const path = await tree.find(file);
  if (path === undefined) throw new DataError(`${tree.shown(file)}: there is no such annotation file.`);
  return [await cocoSplit(tree, '', { path, split: undefined }, [], options)];
}

async function cocoSplit(
  tree: Tree,
  base: string,
  { path, split }: Pick<CocoPath, 'path' | 'split'>,
  notices: readonly string[],
  { images = true, onProgress }: HealthSourceOptions,
): Promise<HealthSplit> {
  const { value, notices: more } = lenientJson(await tree.read(path), tree.shown(path));
  if (Array.isArray(value)) {
    throw new DataError(
      `${tree.shown(path)}: this is a list, as in files of results. Give the annotations, and this file as the results.`,
    );
  }
  const opened = { name: split ?? fileNameOf(path), file: path, document: value, notices: [...notices, ...more] };
  if (!images) return opened;
  const names = fileNamesIn(value);
  const places = { base, split, beside: path, images: undefined, notices: new Notices() };
  const paths = await locateImages(tree, names, places);
  const pathOf = new Map(names.map((name, i) => [normalPath(name), paths[i]]));
  const failures = await labelMapFaults(tree, base, paths, onProgress);
  return {
    ...opened,
    failures,
    async readFile(name) {
      const normal = normalPath(name);
      if (leaves(normal)) throw new DataError(`${JSON.stringify(name)} is outside of the data set.`);
      const found = pathOf.get(normal);
      return found !== undefined && (await tree.find(found)) !== undefined ? tree.read(found) : undefined;
    },
  };
}

/** Checks the label maps beside the images, if there are any. */
async function labelMapFaults(
  tree: Tree,
  base: string,
  images: readonly string[],
  onProgress: HealthSourceOptions['onProgress'],
): Promise<string[]> {
  const maps = await labelFolderOf(tree, base, {}, images, new Notices());
  if (!maps) return [];
  const faults: string[] = [];
  for (const [i, image] of images.entries()) {
    onProgress?.(i, images.length, image);
    const size = await sizeOf(tree, image);
    // an image that is missing or damaged has a finding of its own
    if (size)
      faults.push(...(await faultsOfMap(image, () => maps.read(image, size), maps.classes?.length ?? 0, maps.ignore)));
  }
  return faults;
}

async function sizeOf(tree: Tree, image: string): Promise<Size | undefined> {
  try {
    return await imageSizeAt(tree, image);
  } catch (error) {
    if (error instanceof DataError) return undefined;
    throw error;
  }
}

/** The names that images may have in a folder. */
function fileNamesIn(document: unknown): string[] {
  const images = isObject(document) && Object.hasOwn(document, 'images') ? document.images : undefined;
  if (!Array.isArray(images)) return [];
  const names = images.flatMap((image: unknown) => {
    const name = isObject(image) && Object.hasOwn(image, 'file_name') ? image.file_name : undefined;
    return typeof name === 'string' && name !== '' && !leaves(normalPath(name)) ? name : [];
  });
  return [...new Set(names)];
}
