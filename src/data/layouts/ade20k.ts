import { ade20kNames } from '../../datasets/labels.data.ts';
import { DataError } from '../../errors.ts';
import type { ImageSet } from '../image_set.ts';
import { translated, withoutZero } from '../label_maps.ts';
import type { Notices } from '../notices.ts';
import type { Options } from '../options.ts';
import { endingOf, joined, stemOf } from '../paths.ts';
import { imageSetOf } from '../set.ts';
import { chosenSplit } from '../splits.ts';
import { decodeText, filledLines } from '../text.ts';
import type { Tree } from '../tree.ts';
import { type Pair, pairedImage, sayUnpaired } from './pairs.ts';

/**
 * ADE20K as its scene parsing challenge publishes it (ADEChallengeData2016): label 0 is "other" and not judged, class i is
 * written as i + 1.
 */
export async function open(tree: Tree, base: string, options: Options, notices: Notices): Promise<ImageSet> {
  if (await isFullAde20k(tree, base)) {
    throw new DataError(
      `${tree.shown(base)}: this is the full ADE20K, whose label maps (*_seg.png) are colours of 3,000 classes, which are not read. ` +
        'Use its scene parsing benchmark with 150 classes: ADEChallengeData2016.',
    );
  }
  const splits = await tree.folders(joined(base, 'annotations'));
  const split = chosenSplit(splits, options.split, { name: tree.shown(base), notices });
  const pairs = await pairsOf(tree, joined(base, 'images', split), joined(base, 'annotations', split), notices);
  const classes = options.classes ?? (await classesIn(tree, base)) ?? ade20kNames;
  return imageSetOf(
    { format: 'ade20k', split, kinds: ['labels'], classes: [], labelClasses: classes, ignore: 255 },
    {
      tree,
      notices,
      entries: pairs,
      read: (pair, id) => pairedImage(tree, pair, id, { meaning: (map) => translated(map, withoutZero, 255) }),
    },
  );
}

/** The full data set has a folder per scene, and a map of colours beside each image. */
export async function isFullAde20k(tree: Tree, base: string): Promise<boolean> {
  const names = [...(await tree.files(base)), ...(await tree.files(joined(base, 'images')))];
  return names.some((name) => /^index_ade20k\.(?:mat|pkl)$/i.test(name));
}

/** Tells if a folder has the layout of the challenge, or is the full data set, which `open` refuses with the reason. */
export async function isAde20k(tree: Tree, base: string): Promise<boolean> {
  if (await isFullAde20k(tree, base)) return true;
  const splits = await tree.folders(joined(base, 'annotations'));
  const [first] = splits;
  if (first === undefined || !(await tree.hasFiles(joined(base, 'images', first)))) return false;
  if ((await tree.files(base)).some((name) => /^objectInfo\d+\.txt$/i.test(name))) return true;
  return (await tree.files(joined(base, 'annotations', first))).some((name) => /^ADE_\w+\.png$/i.test(name));
}

async function pairsOf(tree: Tree, images: string, maps: string, notices: Notices): Promise<Pair[]> {
  const mapNames = new Map(
    (await tree.files(maps)).filter((name) => endingOf(name) === '.png').map((name) => [stemOf(name), name]),
  );
  const paths = await tree.below(images);
  const keyOf = (image: string) => stemOf(image.slice(images.length + 1));
  const keys = new Set(paths.map(keyOf));
  sayUnpaired(
    notices,
    paths.filter((image) => !mapNames.has(keyOf(image))),
    [...mapNames].flatMap(([key, name]) => (keys.has(key) ? [] : joined(maps, name))),
  );
  return paths.flatMap((image) => {
    const name = mapNames.get(keyOf(image));
    return name === undefined ? [] : { image, map: joined(maps, name) };
  });
}

/** Reads the names in `objectInfo150.txt`: the first of the synonyms in the last column. */
async function classesIn(tree: Tree, base: string): Promise<string[] | undefined> {
  const name = (await tree.files(base)).find((one) => /^objectInfo\d+\.txt$/i.test(one));
  if (name === undefined) return undefined;
  const path = joined(base, name);
  const [head = '', ...rows] = filledLines(decodeText(await tree.read(path), tree.shown(path)));
  const column = head.split('\t').findIndex((title) => title.trim().toLowerCase() === 'name');
  return rows.map((row, i) => {
    const synonyms = row.split('\t').at(column)?.split(',')[0]?.trim();
    if (!synonyms)
      throw new DataError(
        `${tree.shown(path)}: line ${i + 2} has no name. Expected columns: Idx, Ratio, Train, Val, Stuff, Name.`,
      );
    return synonyms;
  });
}
