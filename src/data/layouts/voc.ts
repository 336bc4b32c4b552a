import { DataError } from '../../errors.ts';
import { imageSizeAt } from '../image_header.ts';
import type { ImageSet, LabelledImage } from '../image_set.ts';
import { checkedNames, namesIn } from '../names.ts';
import type { Notices } from '../notices.ts';
import type { Options } from '../options.ts';
import { byCodePoint, endingOf, fileNameOf, isImageName, joined, normalPath, parentOf, stemOf } from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit } from '../splits.ts';
import type { Tree } from '../tree.ts';
import { listsIn, stemsIn, vocClasses } from './voc_lists.ts';
import { readVocXml, type VocImage } from './voc_xml.ts';

/** PASCAL VOC: an XML per image, as its challenges, LabelImg and Roboflow write it. */

export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  const lists = joined(base, 'ImageSets');
  const hasObjects =
    (await tree.hasFiles(joined(base, 'Annotations'))) || !(await tree.hasFiles(joined(base, 'SegmentationClass')));
  if (options.task === 'segmentation' || (options.task === undefined && !hasObjects)) {
    const { openSegmentation } = await import('./voc_segmentation.ts');
    return openSegmentation(tree, base, options, notices);
  }
  const part = await partOf(tree, base, lists, options, notices);
  const kept = part.files.flatMap(({ xml }) => xml ?? []);
  notices.addFiles(
    'images without labels',
    (n, few) => `${n} ${n === 1 ? 'image has no XML and is' : 'images have no XML and are'} left out: ${few}.`,
    part.files.flatMap(({ xml, key }) => (xml === undefined ? key : [])),
  );
  const { names, hasOutlines } = await seenIn(tree, part.all);
  const classes =
    options.classes ?? (await namesIn(tree, base)) ?? (part.official && names.every(isOfficial) ? vocClasses : names);
  const labelOf = new Map(checkedNames(classes, tree.shown(base)).map((name, label) => [name, label]));
  await sayUnlabelled(tree, part, notices);
  const finder = new ImageFinder(tree, part.images);
  return imageSetOf(
    { format: 'voc', split: part.split, kinds: hasOutlines ? ['objects', 'masks'] : ['objects'], classes },
    { tree, notices, entries: kept, read: (xml, id) => imageOf(tree, xml, id, labelOf, finder, notices) },
  );
}

const isOfficial = (name: string): boolean => (vocClasses as readonly string[]).includes(name);

interface LabelFile {
  readonly key: string;
  readonly xml: string | undefined;
}

interface VocPart {
  readonly split: string | undefined;
  readonly files: readonly LabelFile[];
  /** The label files of all splits, which name the classes. */
  readonly all: readonly string[];
  /** Folders that images may be in. */
  readonly images: readonly string[];
  /** Arranged as by the challenges, which have 20 classes. */
  readonly official: boolean;
}

const isXml = (name: string): boolean => endingOf(name) === '.xml';

/** Folders of images beside `Annotations`. */
const imageFolders = ['JPEGImages', 'PNGImages', 'images', 'Images', 'img', ''];

async function partOf(tree: Tree, base: string, lists: string, options: Options, notices: Notices): Promise<VocPart> {
  const at = { name: tree.shown(base), notices };
  const annotations = joined(base, 'Annotations');
  const found = (await tree.hasFiles(annotations)) ? annotations : await tree.findFolder(joined(base, 'annotations'));
  const inFolder = found === undefined ? [] : await tree.below(found, isXml);
  if (found !== undefined && inFolder.length > 0) {
    const images =
      options.images === undefined ? imageFolders.map((name) => joined(base, name)) : [joined(base, options.images)];
    const splits = await listsIn(tree, joined(lists, 'Main'));
    if (splits.size > 0) {
      const split = chosenSplit([...splits.keys()], options.split, at);
      return {
        split,
        files: await listedFiles(tree, splits.get(split)!, found),
        all: inFolder,
        images,
        official: true,
      };
    }
    if (options.split !== undefined)
      throw new DataError(`${at.name}: has no lists in ImageSets/Main, so no split "${options.split}".`);
    return {
      split: undefined,
      files: inFolder.map((xml) => ({ key: xml, xml })),
      all: inFolder,
      images,
      official: false,
    };
  }
  if ((await tree.files(base)).some(isXml)) {
    const all = (await tree.files(base)).filter(isXml).map((name) => joined(base, name));
    const images = [joined(base, options.images ?? ''), joined(base, 'JPEGImages'), joined(base, 'images')];
    return { split: undefined, files: all.map((xml) => ({ key: xml, xml })), all, images, official: false };
  }
  return splitPart(tree, base, options, at);
}

/** A folder per split with images and XML side by side, as Roboflow exports them. */
async function splitPart(
  tree: Tree,
  base: string,
  options: Options,
  at: { name: string; notices: Notices },
): Promise<VocPart> {
  const filesOf = new Map<string, string[]>();
  for (const name of await tree.folders(base)) {
    const files = await tree.below(joined(base, name), isXml);
    if (files.length > 0) filesOf.set(name, files);
  }
  const split = chosenSplit([...filesOf.keys()], options.split, at);
  const files = (filesOf.get(split) ?? []).map((xml) => ({ key: xml, xml }));
  const images = imageFolders.map((name) => joined(base, split, name));
  return { split, files, all: [...filesOf.values()].flat(), images, official: false };
}

async function listedFiles(tree: Tree, list: string, folder: string): Promise<LabelFile[]> {
  const files: LabelFile[] = [];
  for (const line of await stemsIn(tree, list)) {
    // some lists say 1 or -1 behind the stem, others write the ending of the image
    const stems = [line, line.replace(/\s+-?[01]$/, ''), isImageName(line) || isXml(line) ? stemOf(line) : line];
    let xml: string | undefined;
    for (const stem of stems) xml ??= await tree.find(joined(folder, `${stem}.xml`));
    files.push({ key: line, xml });
  }
  return files;
}

/** Collects the names of all classes. What a file has that cannot be read is said when the file is reached. */
async function seenIn(tree: Tree, files: readonly string[]): Promise<{ names: string[]; hasOutlines: boolean }> {
  const names = new Set<string>();
  let hasOutlines = false;
  for (const file of files) {
    try {
      const { objects } = readVocXml(await tree.read(file), tree.shown(file));
      for (const { name, polygon } of objects) {
        names.add(name);
        hasOutlines ||= polygon !== undefined;
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
    }
  }
  return { names: [...names].sort(byCodePoint), hasOutlines };
}

/** Finds the image of a label file: by the name in it, else by its own. */
class ImageFinder {
  readonly #tree: Tree;
  readonly #folders: readonly string[];

  constructor(tree: Tree, folders: readonly string[]) {
    this.#tree = tree;
    this.#folders = folders;
  }

  async find(xml: string, fileName: string | undefined): Promise<string | undefined> {
    const own = fileNameOf(stemOf(xml));
    const beside = parentOf(xml);
    const named = fileName === undefined ? [] : [normalPath(fileName), fileNameOf(normalPath(fileName))];
    const below = ['Annotations', 'annotations'].map((name) => beside.split(`/${name}/`)[1] ?? '');
    for (const folder of new Set([
      beside,
      ...this.#folders,
      ...this.#folders.flatMap((one) => below.map((inner) => joined(one, inner))),
    ])) {
      for (const name of named) {
        const path = await this.#tree.find(joined(folder, name));
        if (path !== undefined) return path;
      }
    }
    for (const folder of new Set([beside, ...this.#folders])) {
      for (const ending of ['.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff']) {
        const path = await this.#tree.find(joined(folder, own + ending));
        if (path !== undefined) return path;
      }
    }
    return undefined;
  }
}

async function imageOf(
  tree: Tree,
  xml: string,
  id: number,
  labelOf: ReadonlyMap<string, number>,
  finder: ImageFinder,
  notices: Notices,
): Promise<LabelledImage> {
  const name = tree.shown(xml);
  const labels = readVocXml(await tree.read(xml), name);
  const found = await finder.find(xml, labels.fileName);
  const file = found ?? joined(parentOf(xml), labels.fileName ?? `${fileNameOf(stemOf(xml))}.jpg`);
  if (found === undefined)
    notices.add('labels without an image', `${xml}: its image ${labels.fileName ?? ''} is not there.`);
  const size = labels.size ?? (await imageSizeAt(tree, file));
  return {
    id,
    file,
    labelFile: xml,
    size,
    objects: objectsOf(labels, labelOf, size, name),
    bytes: () => tree.read(file),
  };
}

function objectsOf(
  labels: VocImage,
  labelOf: ReadonlyMap<string, number>,
  size: LabelledImage['size'],
  file: string,
): LabelledImage['objects'] {
  return labels.objects.map((object, i) => {
    const label = labelOf.get(object.name);
    if (label === undefined) {
      throw new DataError(
        `${file}: object ${i + 1}: ${JSON.stringify(object.name)} is not in the list of classes. Add it there.`,
      );
    }
    return object.labelled({ id: i + 1, label, difficult: object.difficult, place: `object ${i + 1}` }, size);
  });
}

/** Says which images beside the label files have none. */
async function sayUnlabelled(tree: Tree, { all, images, split }: VocPart, notices: Notices): Promise<void> {
  if (split !== undefined) return; // images of other splits lie in the same folder
  const labelled = new Set(all.map((xml) => fileNameOf(stemOf(xml))));
  const found = await tree.imagesIn([...images, ...all.map(parentOf)]);
  const bare = found.filter((path) => !labelled.has(fileNameOf(stemOf(path))));
  notices.addFiles(
    'images without labels',
    (n, few) => `${n} ${n === 1 ? 'image has no XML and is' : 'images have no XML and are'} left out: ${few}.`,
    bare,
  );
}
