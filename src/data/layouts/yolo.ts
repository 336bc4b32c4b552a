import { DataError } from '../../errors.ts';
import { imageSizeAt } from '../image_header.ts';
import type { ImageSet, KeypointNames, LabelKind } from '../image_set.ts';
import type { Notices } from '../notices.ts';
import type { Options } from '../options.ts';
import { endingOf, fileNameOf, isImageName, joined, parentOf, stemOf } from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit, roleOf } from '../splits.ts';
import { decodeText, filledLines, headText } from '../text.ts';
import type { Tree } from '../tree.ts';
import { readConfig, withinRoots, type YoloConfig } from './yolo_config.ts';
import { readYoloLabels } from './yolo_labels.ts';

/**
 * YOLO's layout: a text file per image with boxes, outlines or keypoints as shares of its size. As Ultralytics, Roboflow,
 * LabelImg, Label Studio and CVAT write it.
 */
export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  const config = await readConfig(tree, base, options);
  const { split, images } = await imagesOf(tree, base, config, options, notices);
  const entries: { readonly image: string; readonly labels: string | undefined }[] = [];
  for (const image of images) entries.push({ image, labels: await labelsFor(tree, image) });
  await sayUnpaired(tree, entries, notices);
  const shape = config.keypoints;
  return imageSetOf(
    {
      format: 'yolo',
      split,
      kinds: await kindsOf(tree, entries, config),
      classes: config.classes,
      keypoints: shape && (shape.names ? { names: shape.names, skeleton: [] } : numbered(shape.count)),
    },
    {
      tree,
      notices,
      entries,
      async read({ image, labels }, id) {
        const size = await imageSizeAt(tree, image);
        const text = labels === undefined ? '' : decodeText(await tree.read(labels), tree.shown(labels));
        const { objects, problems } = readYoloLabels(text, size, config);
        for (const { line, code, reason } of problems) {
          notices.add('lines that are left out', `${labels}: line ${line}: ${reason} (${code}). The line is left out.`);
        }
        return { id, file: image, labelFile: labels, size, objects, bytes: () => tree.read(image) };
      },
    },
  );
}

/** Most files of YOLO do not name their keypoints. */
const numbered = (count: number): KeypointNames => ({
  names: Array.from({ length: count }, (_, i) => `${i}`),
  numbered: true,
  skeleton: [],
});

interface Images {
  readonly split: string | undefined;
  readonly images: readonly string[];
}

async function imagesOf(
  tree: Tree,
  base: string,
  config: YoloConfig,
  options: Options,
  notices: Notices,
): Promise<Images> {
  const at = { name: tree.shown(config.file ?? base), notices };
  if (options.images !== undefined)
    return { split: options.split, images: await imagesAt(tree, options.images, [base], at) };
  if (config.splits.size > 0) {
    const split = chosenSplit([...config.splits.keys()], options.split, at);
    const images: string[] = [];
    for (const path of config.splits.get(split) ?? []) images.push(...(await imagesAt(tree, path, config.roots, at)));
    return { split, images: [...new Set(images)] };
  }
  const splits = await splitFolders(tree, base);
  if (splits.size > 0) {
    const split = chosenSplit([...splits.keys()], options.split, at);
    return { split, images: await tree.below(splits.get(split)!) };
  }
  if (options.split !== undefined) throw new DataError(`${at.name}: has no splits, so no "${options.split}".`);
  const folder = (await tree.findFolder(joined(base, 'images'))) ?? base;
  return { split: undefined, images: await tree.below(folder) };
}

/** Returns the folders of splits if no file names them: `images/train`, or `train/images`. */
async function splitFolders(tree: Tree, base: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of await tree.folders(joined(base, 'images')))
    if (roleOf(name)) found.set(name, joined(base, 'images', name));
  for (const name of await tree.folders(base)) {
    if (roleOf(name) && (await tree.hasFiles(joined(base, name, 'images'))))
      found.set(name, joined(base, name, 'images'));
  }
  return found;
}

interface At {
  readonly name: string;
  readonly notices: Notices;
}

/** Returns the images of a folder, or those that a text file lists. */
async function imagesAt(tree: Tree, path: string, roots: readonly string[], { name, notices }: At): Promise<string[]> {
  const found = await withinRoots(tree, path, roots);
  if (found === undefined)
    throw new DataError(
      `${name}: there is no folder or list ${path}. Correct the path, which may be relative to the file, or read another split.`,
    );
  if (endingOf(found) !== '.txt' || (await tree.find(found, { beside: true })) === undefined) {
    return isImageName(found) && (await tree.find(found)) ? [found] : tree.below(found);
  }
  const images: string[] = [];
  const missing: string[] = [];
  const folders = [parentOf(found), ...roots];
  for (const line of filledLines(decodeText(await tree.read(found), tree.shown(found)))) {
    const image = await withinRoots(tree, line, folders);
    if (image === undefined) missing.push(line);
    else images.push(image);
  }
  notices.addFiles(
    'listed images that are not there',
    (n, few) => `${n} images listed in ${found} are not there: ${few}.`,
    missing,
  );
  return images;
}

/** The last `/images/` of the path of an image is `/labels/` in that of its labels. */
async function labelsFor(tree: Tree, image: string): Promise<string | undefined> {
  const path = `/${image}`;
  const at = path.lastIndexOf('/images/');
  const labels = at < 0 ? path : `${path.slice(0, at)}/labels/${path.slice(at + '/images/'.length)}`;
  const name = `${stemOf(labels).slice(1)}.txt`;
  return (await tree.find(name, { beside: true })) ?? (at < 0 ? undefined : tree.find(`${stemOf(image)}.txt`));
}

/** Text files of a data set that are not labels. */
const otherTexts =
  /^(?:classes|labels|train|val|valid|test|trainval|readme.*|notes|obj|predefined_classes|license)\.txt$/i;

async function sayUnpaired(
  tree: Tree,
  entries: readonly { readonly image: string; readonly labels: string | undefined }[],
  notices: Notices,
): Promise<void> {
  const bare = entries.flatMap(({ image, labels }) => (labels === undefined ? image : []));
  notices.addFiles(
    'images without a label file',
    (n, few) => `${n} ${n === 1 ? 'image has' : 'images have'} no label file, so no objects: ${few}.`,
    bare,
  );
  const used = new Set(entries.map(({ labels }) => labels));
  const strays: string[] = [];
  for (const folder of new Set(entries.flatMap(({ labels }) => (labels === undefined ? [] : parentOf(labels))))) {
    for (const name of await tree.files(folder)) {
      const path = joined(folder, name);
      if (endingOf(name) === '.txt' && !used.has(path) && !otherTexts.test(fileNameOf(name))) strays.push(path);
    }
  }
  // label files of another split lie in the same folder if the images do, too
  const listed = new Set(entries.map(({ image }) => parentOf(image)));
  const images = new Set<string>();
  for (const folder of listed) for (const name of await tree.files(folder)) images.add(stemOf(name));
  const lonely = strays.filter((path) => !images.has(stemOf(fileNameOf(path))));
  notices.addFiles('label files without an image', (n, few) => `${n} label files have no image: ${few}.`, lonely);
}

/** Tells boxes from outlines by the first label files that have objects. */
async function kindsOf(
  tree: Tree,
  entries: readonly { readonly labels: string | undefined }[],
  { keypoints }: YoloConfig,
): Promise<LabelKind[]> {
  if (keypoints) return ['objects', 'keypoints'];
  let looked = 0;
  for (const { labels } of entries) {
    if (labels === undefined) continue;
    const lines = filledLines(headText(await tree.head(labels, 65_536)));
    if (lines.some((line) => line.split(/\s+/).length >= 7)) return ['objects', 'masks'];
    if (lines.length > 0 && ++looked === 32) break;
  }
  return ['objects'];
}
