import type { Size } from '../../arrays.ts';
import { DataError } from '../../errors.ts';
import type { ImageSet, LabelledObject } from '../image_set.ts';
import { masksByValue, readLabelMap, translated } from '../label_maps.ts';
import type { Notices } from '../notices.ts';
import { maskObject } from '../objects.ts';
import type { Options } from '../options.ts';
import { fileNameOf, joined, parentOf } from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit } from '../splits.ts';
import type { Tree } from '../tree.ts';
import { pairedImage, sayUnpaired } from './pairs.ts';

/** The label ids that are judged, in the order of the training ids (mcordts/cityscapesScripts, `helpers/labels.py`). */
const classIds = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33] as const;

const classes = [
  'road',
  'sidewalk',
  'building',
  'wall',
  'fence',
  'pole',
  'traffic light',
  'traffic sign',
  'vegetation',
  'terrain',
  'sky',
  'person',
  'rider',
  'car',
  'truck',
  'bus',
  'train',
  'motorcycle',
  'bicycle',
] as const;

/** The first label id whose objects are told apart. */
const firstThing = 24;
/** Objects are numbered from here: id · 1000 + number. A group that was not told apart has the bare id. */
const perClass = 1000;

const trainingIds: Uint8Array = Uint8Array.from({ length: 256 }, (_, id) => {
  const label = (classIds as readonly number[]).indexOf(id);
  return label < 0 ? 255 : label;
});

interface Entry {
  readonly image: string;
  /** The label map, by label ids or by training ids. */
  readonly map: string;
  readonly byTrainingId: boolean;
  readonly instances: string | undefined;
}

/** Cityscapes: `leftImg8bit/val/CITY/*_leftImg8bit.png`, and its maps in `gtFine` or `gtCoarse`. */
export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  const images = joined(base, options.images ?? 'leftImg8bit');
  const labels = await labelFolder(tree, base, options.labels);
  const kind = fileNameOf(labels); // gtFine or gtCoarse: part of every name
  const splits: string[] = [];
  for (const split of await tree.folders(images)) if (await tree.hasFiles(joined(labels, split))) splits.push(split);
  const split = chosenSplit(splits, options.split, { name: tree.shown(base), notices });
  const entries = await entriesOf(tree, { images: joined(images, split), maps: joined(labels, split), kind }, notices);
  const hasObjects = entries.some(({ instances }) => instances !== undefined);
  return imageSetOf(
    {
      format: 'cityscapes',
      split,
      kinds: hasObjects ? ['objects', 'masks', 'labels'] : ['labels'],
      classes: hasObjects ? classes : [],
      labelClasses: classes,
      ignore: 255,
    },
    {
      tree,
      notices,
      entries,
      read: async (entry, id) => {
        const { image, map, byTrainingId, instances } = entry;
        if (hasObjects && instances === undefined) {
          throw new DataError(
            `${tree.shown(image)}: no instance map (*_${kind}_instanceIds.png), which other images have.`,
          );
        }
        const objects = instances === undefined ? undefined : await objectsIn(tree, instances, undefined);
        return pairedImage(tree, { image, map }, id, {
          objects,
          meaning: (labelMap) => (byTrainingId ? labelMap : translated(labelMap, trainingIds, 255)),
        });
      },
    },
  );
}

async function labelFolder(tree: Tree, base: string, given: string | undefined): Promise<string> {
  for (const name of given === undefined ? ['gtFine', 'gtCoarse'] : [given]) {
    if (await tree.hasFiles(joined(base, name))) return joined(base, name);
  }
  throw new DataError(
    `${tree.shown(base)}: has no label maps of Cityscapes (folder ${given ?? 'gtFine or gtCoarse'}).`,
  );
}

interface Folders {
  readonly images: string;
  readonly maps: string;
  readonly kind: string;
}

async function entriesOf(tree: Tree, { images, maps, kind }: Folders, notices: Notices): Promise<Entry[]> {
  const entries: Entry[] = [];
  const unlabelled: string[] = [];
  const used = new Set<string>();
  for (const image of await tree.below(images)) {
    const stem = joined(
      maps,
      parentOf(image.slice(images.length + 1)),
      fileNameOf(image).replace(/(?:_leftImg8bit)?\.\w+$/, ''),
    );
    const fileOf = (what: string) => tree.find(`${stem}_${kind}_${what}.png`);
    const [byId, byTrainingId, instances] = [
      await fileOf('labelIds'),
      await fileOf('labelTrainIds'),
      await fileOf('instanceIds'),
    ];
    const map = byId ?? byTrainingId;
    if (map === undefined) {
      unlabelled.push(image);
      continue;
    }
    used.add(map);
    entries.push({ image, map, byTrainingId: byId === undefined, instances });
  }
  const strays = (await tree.below(maps, (name) => /_labelIds\.png$/i.test(name))).filter((map) => !used.has(map));
  sayUnpaired(notices, unlabelled, strays);
  return entries;
}

/** Returns the objects of an instance map, by their values. Those of classes that are not judged are left out. */
async function objectsIn(tree: Tree, path: string, size: Size | undefined): Promise<LabelledObject[]> {
  const masks = masksByValue(await readLabelMap(tree, path, size));
  const judged = [...masks].flatMap(([value, mask]) => {
    const id = value < perClass ? value : Math.floor(value / perClass);
    const label = trainingIds[id] ?? 255;
    return id < firstThing || label === 255 ? [] : { value, label, mask };
  });
  judged.sort((a, b) => a.value - b.value);
  return judged.map(({ value, label, mask }, i) =>
    maskObject({ id: i + 1, label, instance: value, crowd: value < perClass }, mask),
  );
}
