import { DataError } from '../../errors.ts';
import type { LabelMap } from '../../image/raster.ts';
import { imageSizeAt } from '../image_header.ts';
import type { ImageSet, LabelledObject } from '../image_set.ts';
import { masksByValue, readLabelMap } from '../label_maps.ts';
import { namesIn } from '../names.ts';
import type { Notices } from '../notices.ts';
import { maskObject } from '../objects.ts';
import type { Options } from '../options.ts';
import { endingOf, fileNameOf, isImageName, joined, stemOf } from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit } from '../splits.ts';
import type { Tree } from '../tree.ts';
import { sayUnpaired } from './pairs.ts';
import { colouredLabels, coloursIn } from './voc_colours.ts';
import { listsIn, stemsIn, vocClasses } from './voc_lists.ts';

/** The label maps of VOC: classes in `SegmentationClass`, and the objects of each image in `SegmentationObject`. */

/** The border around objects, which belongs to none. */
const border = 255;

interface Entry {
  readonly image: string;
  readonly classes: string;
  readonly objects: string | undefined;
}

/** Opens the label maps. The labels are read with their image, since objects get their classes from them. @throws DataError if a list or a map is missing */
export async function openSegmentation(
  tree: Tree,
  base: string,
  options: Options,
  notices: Notices,
): Promise<ImageSet> {
  const lists = await listsIn(tree, joined(base, 'ImageSets/Segmentation'));
  const split =
    lists.size > 0 ? chosenSplit([...lists.keys()], options.split, { name: tree.shown(base), notices }) : undefined;
  if (split === undefined && options.split !== undefined) {
    throw new DataError(`${tree.shown(base)}: has no lists in ImageSets/Segmentation, so no split "${options.split}".`);
  }
  const maps = joined(base, options.labels ?? 'SegmentationClass');
  const stems =
    split === undefined
      ? (await tree.files(maps)).filter((name) => endingOf(name) === '.png').map(stemOf)
      : await stemsIn(tree, lists.get(split)!);
  const entries = await entriesOf(tree, base, maps, stems, options, notices);
  const classes = await classesOf(tree, base, options);
  const classMap = colouredLabels(await coloursIn(tree, base, classes));
  const objectMap = colouredLabels(undefined);
  const hasObjects = entries.some(({ objects }) => objects !== undefined);
  return imageSetOf(
    {
      format: 'voc',
      split,
      kinds: hasObjects ? ['objects', 'masks', 'labels'] : ['labels'],
      classes: hasObjects ? classes.slice(1) : [],
      labelClasses: classes,
      ignore: options.ignore ?? border,
    },
    {
      tree,
      notices,
      entries,
      async read(entry, id) {
        const { image, classes: map } = entry;
        const size = await imageSizeAt(tree, image);
        const labels = await readLabelMap(tree, map, size, classMap);
        if (hasObjects && entry.objects === undefined) {
          throw new DataError(`${tree.shown(image)}: no map in SegmentationObject, which other images have.`);
        }
        const objects =
          entry.objects === undefined
            ? undefined
            : objectsIn(await readLabelMap(tree, entry.objects, size, objectMap), labels);
        return { id, file: image, size, objects, bytes: () => tree.read(image), labels: async () => labels };
      },
    },
  );
}

/** Returns the names of the label maps, the background first. */
async function classesOf(tree: Tree, base: string, options: Options): Promise<readonly string[]> {
  const names = options.classes ?? (await namesIn(tree, base)) ?? ['background', ...vocClasses];
  const isBackground = (name: string) => /^_?background_?$/i.test(name);
  return isBackground(names[0] ?? '') ? names : ['background', ...names.filter((name) => !isBackground(name))];
}

async function entriesOf(
  tree: Tree,
  base: string,
  maps: string,
  stems: readonly string[],
  options: Options,
  notices: Notices,
): Promise<Entry[]> {
  const folder = joined(base, options.images ?? 'JPEGImages');
  const imageOf = new Map(
    (await tree.files(folder)).filter(isImageName).map((name) => [stemOf(name), joined(folder, name)]),
  );
  const entries: Entry[] = [];
  const [unlabelled, lonely]: [string[], string[]] = [[], []];
  for (const stem of stems) {
    const image = imageOf.get(stem);
    const classes = await tree.find(joined(maps, `${stem}.png`));
    if (image === undefined) lonely.push(stem);
    else if (classes === undefined) unlabelled.push(image);
    else
      entries.push({
        image,
        classes,
        objects: await tree.find(joined(base, 'SegmentationObject', `${fileNameOf(stem)}.png`)),
      });
  }
  sayUnpaired(notices, unlabelled, lonely);
  return entries;
}

/** Returns an object for every index, of the class that most of its pixels have in the other map, without the border. */
function objectsIn(objects: LabelMap, classes: LabelMap): LabelledObject[] {
  const countsOf = new Map<number, Map<number, number>>();
  for (let i = 0; i < objects.labels.length; i++) {
    const [index, label] = [objects.labels[i]!, classes.labels[i]!];
    if (index === 0 || index === border || label === border || label === 0) continue;
    const counts = countsOf.get(index) ?? new Map<number, number>();
    countsOf.set(index, counts.set(label, (counts.get(label) ?? 0) + 1));
  }
  const masks = masksByValue(objects);
  const found = [...countsOf].sort(([a], [b]) => a - b);
  return found.map(([instance, counts], i) => {
    const [[label] = [1]] = [...counts].sort(([, a], [, b]) => b - a);
    return maskObject({ id: i + 1, label: label - 1, instance }, masks.get(instance)!);
  });
}
