import { DataError } from '../../errors.ts';
import type { Notices } from '../notices.ts';
import type { Options } from '../options.ts';
import { endingOf, fileNameOf, joined, parentOf, stemOf } from '../paths.ts';
import { chosenSplit } from '../splits.ts';
import { headText } from '../text.ts';
import type { Tree } from '../tree.ts';

/** Finds COCO's annotation files in a folder, and chooses one. */

/** An annotation file, and what its name says. */
export interface CocoPath {
  readonly path: string;
  /** The part of the data set, as the file's name or folder says; undefined if it says nothing. */
  readonly split: string | undefined;
  readonly task: 'instances' | 'keypoints' | 'panoptic' | 'other';
  /** False if other files may label other images in the same folders. */
  readonly alone?: boolean | undefined;
}

/** Folders with one label file per image have many more. */
const mostFiles = 64;

/** Returns the annotation files in the folder, in its `annotations`, and in each of its folders (Roboflow's `valid/_annotations.coco.json`). */
export async function cocoFilesIn(tree: Tree, base: string): Promise<CocoPath[]> {
  const folders = ['', ...(await tree.folders(base))];
  const found: CocoPath[] = [];
  for (const folder of folders) {
    const names = (await tree.files(joined(base, folder))).filter((name) => endingOf(name) === '.json');
    for (const name of byLikelihood(names).slice(0, mostFiles)) {
      const path = joined(base, folder, name);
      const task = taskIn(headText(await tree.head(path)), name);
      if (task) found.push({ path, split: splitOf(name, folder), task });
    }
  }
  return found;
}

const likely = /coco|instances|keypoints|annotations|train|val|test/i;
const byLikelihood = (names: readonly string[]) => [
  ...names.filter((name) => likely.test(name)),
  ...names.filter((name) => !likely.test(name)),
];

/** Tells by its beginning whether a text is COCO's JSON of objects, and for which task. */
function taskIn(head: string, name: string): CocoPath['task'] | undefined {
  const isCoco =
    /^\s*\{/.test(head) &&
    /"(?:images|annotations|categories|licenses)"\s*:\s*\[|"info"\s*:\s*\{/.test(head) &&
    !/"(?:shapes|imagePath)"\s*:/.test(head);
  if (!isCoco || /^captions/i.test(name)) return undefined;
  if (/^panoptic/i.test(name) || head.includes('"segments_info"')) return 'panoptic';
  if (/keypoints/i.test(name)) return 'keypoints';
  return /^instances/i.test(name) ? 'instances' : 'other';
}

const prefixes =
  /^(?:instances|person_keypoints|keypoints|stuff|panoptic|image_info|_?annotations?(?:\.coco)?|labels|coco|result)[._-]?/i;

/** Returns the split that a name states: `instances_val2017.json`, `valid/_annotations.coco.json`, `train.json`. */
function splitOf(name: string, folder: string): string | undefined {
  const own = stemOf(name).replace(prefixes, '');
  if (own !== '') return own;
  return folder === '' || /^annotations?$/i.test(folder) ? undefined : folder;
}

/** Which file of one split is read, by what the labels are for. */
const orders: Readonly<Record<'objects' | 'pose', readonly CocoPath['task'][]>> = {
  objects: ['instances', 'other', 'keypoints', 'panoptic'],
  pose: ['keypoints', 'other', 'instances', 'panoptic'],
};

/** Chooses an annotation file by the options, else by split and task; a notice says which others there are. @throws DataError with what is there */
export async function chosenFile(tree: Tree, base: string, options: Options, notices: Notices): Promise<CocoPath> {
  if (options.annotations !== undefined) return givenFile(tree, base, options.annotations);
  const files = await cocoFilesIn(tree, base);
  const name = tree.shown(base);
  if (files.length === 0)
    throw new DataError(`${name}: no annotation file of COCO found (*.json with images and categories).`);
  const splits = [...new Set(files.map(({ split }) => split ?? ''))];
  const split =
    options.split === undefined && splits.includes('')
      ? ''
      : chosenSplit(splits.filter(Boolean), options.split, { name, notices });
  const ofSplit = files.filter((file) => (file.split ?? '') === split);
  const order = orders[options.task === 'pose' ? 'pose' : 'objects'];
  const [chosen, ...others] = order.flatMap((task) => ofSplit.filter((file) => file.task === task));
  if (!chosen) throw new DataError(`${name}: no annotation file of the split "${split}".`);
  const otherSplits = splits.filter((one) => one !== '' && one !== split);
  if (split === '' && otherSplits.length > 0) {
    notices.add('split', `${chosen.path} is read; there are also the splits ${otherSplits.join(', ')}.`);
  }
  if (others.length > 0) {
    notices.add(
      'annotations',
      `${chosen.path} is read; ${others.map(({ path }) => path).join(', ')} can be chosen as the annotations.`,
    );
  }
  return checkedTask(tree, { ...chosen, alone: splits.length === 1 });
}

async function givenFile(tree: Tree, base: string, file: string): Promise<CocoPath> {
  const path = await tree.find(joined(base, file));
  if (path === undefined) throw new DataError(`${tree.shown(joined(base, file))}: there is no such annotation file.`);
  const head = headText(await tree.head(path));
  const name = fileNameOf(path);
  const folder = fileNameOf(parentOf(path));
  return checkedTask(tree, { path, split: splitOf(name, folder), task: taskIn(head, name) ?? 'other' });
}

function checkedTask(tree: Tree, file: CocoPath): CocoPath {
  if (file.task !== 'panoptic') return file;
  throw new DataError(
    `${tree.shown(file.path)}: annotations of COCO's panoptic task, which are not read. ` +
      'Use instances_*.json for objects, or its label maps (PNG) as a folder of label maps.',
  );
}
