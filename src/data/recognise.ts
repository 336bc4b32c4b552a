import { DataError, listed } from '../errors.ts';
import type { DataFormat } from './image_set.ts';
import { isAde20k } from './layouts/ade20k.ts';
import { splitsIn } from './layouts/class_folders.ts';
import { cocoFilesIn } from './layouts/coco_files.ts';
import { findFolders } from './layouts/segment_folders.ts';
import { configsIn } from './layouts/yolo_files.ts';
import { endingOf, joined } from './paths.ts';
import { roleOf } from './splits.ts';
import { headText } from './text.ts';
import type { Tree } from './tree.ts';

/** Tells layouts apart by what is in the folder: names of folders, and the beginnings of a few files. */

export interface Recognised {
  readonly format: DataFormat;
  /** The folder of the data set: the one given, or the only one in it. */
  readonly base: string;
  /** Other layouts that fit as well. */
  readonly others: readonly DataFormat[];
}

type Sign = (tree: Tree, base: string) => Promise<boolean>;

/** Layouts whose files name themselves. The first that fits is read. */
const strong: readonly (readonly [DataFormat, Sign])[] = [
  ['cityscapes', isCityscapes],
  ['ade20k', isAde20k],
  ['voc', isVoc],
  ['cvat_xml', isCvat],
  ['yolo', isYolo],
  ['coco', async (tree, base) => (await cocoFilesIn(tree, base)).length > 0],
  ['labelme', isLabelme],
];

/** Layouts without a file of their own, which other data sets may look like. */
const weak: readonly (readonly [DataFormat, Sign])[] = [
  ['segment_folders', async (tree, base) => (await findFolders(tree, base)) !== undefined],
  ['class_folders', isClassFolders],
];

/** Archives put one folder around another. */
const deepest = 4;

/**
 * Finds the layout of a data set, and its folder: the one given, or the only one in it. A layout that is asked for and not
 * recognised is the one given all the same.
 *
 * @throws DataError if no layout fits
 */
export async function recognise(tree: Tree, wanted: DataFormat | undefined): Promise<Recognised> {
  const bases = await basesOf(tree);
  for (const signs of [strong, weak]) {
    for (const base of bases) {
      const fitting: DataFormat[] = [];
      for (const [format, fits] of signs) {
        if ((wanted === undefined || wanted === format) && (await fits(tree, base))) fitting.push(format);
      }
      // label maps in folders look like folders of classes, too, and nobody means those
      const [format, ...others] = fitting.filter((one) => one !== 'class_folders' || fitting.length === 1);
      if (format !== undefined) return { format, base, others };
    }
  }
  // what the caller is sure of is read with the options that say where
  if (wanted !== undefined) return { format: wanted, base: '', others: [] };
  throw new DataError(await notRecognised(tree));
}

/** Returns the folder, and as long as there is only one folder in it that one, too. */
async function basesOf(tree: Tree): Promise<string[]> {
  const bases = [''];
  for (let base = ''; bases.length <= deepest; ) {
    const [only, ...more] = await tree.folders(base);
    if (only === undefined || more.length > 0) break;
    base = joined(base, only);
    bases.push(base);
  }
  return bases;
}

async function notRecognised(tree: Tree): Promise<string> {
  const [files, folders] = [await tree.files(''), await tree.folders('')];
  const all = [...folders.map((name) => `${name}/`), ...files];
  const found = all.length === 0 ? 'The folder is empty.' : `Found: ${listed(all, 8)}.`;
  return (
    `${tree.name}: no data set recognised. ${found} Layouts that are read: COCO (a JSON), PASCAL VOC (an XML per image), ` +
    'labelme (a JSON per image), YOLO (data.yaml or classes.txt), CVAT (annotations.xml), ADE20K, Cityscapes, ' +
    'img_dir with ann_dir, and a folder per class. docs/data.md shows each.'
  );
}

async function isCityscapes(tree: Tree, base: string): Promise<boolean> {
  const folders = await tree.folders(base);
  return folders.includes('leftImg8bit') && (folders.includes('gtFine') || folders.includes('gtCoarse'));
}

/** Looks at a few files only. */
const mostHeads = 8;

/** Tells whether one of the first files of an ending begins like this. */
async function someBegin(tree: Tree, folder: string, ending: string, form: RegExp): Promise<boolean> {
  const names = (await tree.files(folder)).filter((name) => endingOf(name) === ending);
  for (const name of names.slice(0, mostHeads)) {
    if (form.test(headText(await tree.head(joined(folder, name))))) return true;
  }
  return false;
}

const vocForm = /<annotation[\s>]/;

async function isVoc(tree: Tree, base: string): Promise<boolean> {
  const folders = await tree.folders(base);
  if (folders.includes('SegmentationClass') && folders.includes('JPEGImages')) return true;
  for (const folder of ['Annotations', 'annotations', '', ...folders]) {
    if (await someBegin(tree, joined(base, folder), '.xml', vocForm)) return true;
  }
  // folders of a video or a part inside Annotations
  for (const inner of (await tree.folders(joined(base, 'Annotations'))).slice(0, mostHeads)) {
    if (await someBegin(tree, joined(base, 'Annotations', inner), '.xml', vocForm)) return true;
  }
  return false;
}

function isCvat(tree: Tree, base: string): Promise<boolean> {
  return someBegin(tree, base, '.xml', /<annotations[\s>]/);
}

const yoloForm = /^\s*\d+(?:[ \t]+-?[\d.]+(?:e-?\d+)?){4,}\s*$/m;

async function isYolo(tree: Tree, base: string): Promise<boolean> {
  if ((await configsIn(tree, base)).length > 0) return true;
  const folders = [
    'labels',
    'obj_train_data',
    ...(await tree.folders(joined(base, 'labels'))).map((name) => `labels/${name}`),
  ];
  for (const name of await tree.folders(base)) if (roleOf(name)) folders.push(`${name}/labels`);
  const hasList = (await tree.find(joined(base, 'classes.txt'))) ?? (await tree.find(joined(base, 'obj.names')));
  for (const folder of hasList === undefined ? folders : ['', ...folders]) {
    if (await someBegin(tree, joined(base, folder), '.txt', yoloForm)) return true;
  }
  return false;
}

async function isLabelme(tree: Tree, base: string): Promise<boolean> {
  for (const folder of ['', ...(await tree.folders(base))]) {
    if (await someBegin(tree, joined(base, folder), '.json', /"(?:shapes|imagePath)"\s*:/)) return true;
  }
  return false;
}

/** Folders of images that are no classes. */
const noClasses = /^(?:images?|imgs?|photos|pictures|labels?|masks?|annotations?|data)$/i;

/** One folder of images, or folders of splits, may be images without labels. */
async function isClassFolders(tree: Tree, base: string): Promise<boolean> {
  const splits = await splitsIn(tree, base);
  const roots = splits ? splits.map((split) => joined(base, split)) : [base];
  for (const root of roots) {
    const folders = await tree.folders(root);
    if (folders.some((name) => noClasses.test(name)) || folders.every((name) => roleOf(name))) continue;
    let withImages = 0;
    for (const folder of folders) {
      if ((await tree.below(joined(root, folder))).length > 0 && ++withImages === (splits ? 1 : 2)) return true;
    }
  }
  return false;
}
