import * as z from 'zod/mini';
import { type DatasetId, datasets, type KeypointSet } from '../../datasets/index.ts';
import { ConfigError } from '../../errors.ts';
import { isObject, validate } from '../../validate.ts';
import { keypointPairs, type PoseConfig } from '../pose_config.ts';
import { testDataset } from './input.ts';
import { bareType, unneeded, written } from './parts.ts';

/**
 * Finds out which keypoints the maps of a pose model are: from what mmpose 1.x writes beside the weights (`dataset_meta`), from the
 * `dataset_info` of a configuration (`metainfo` in 1.x), or from the type of the data set.
 */

type Keypoints = NonNullable<PoseConfig['keypoints']>;

const sigma = z.number().check(z.positive());
const keypoint = z.looseObject({ name: z.string(), swap: z._default(z.string(), '') });
const link = z.looseObject({ link: z.tuple([z.string(), z.string()]) });
const info = z.strictObject({
  keypoint_info: z.record(z.string(), keypoint),
  skeleton_info: z._default(z.record(z.string(), link), {}),
  sigmas: z.nullish(z.array(sigma)),
  ...unneeded('dataset_name', 'paper_info', 'joint_weights', 'stats_info', 'classes', 'from_file'),
});

/**
 * Reads keypoints by their keys, which are the indices of the maps.
 *
 * @throws ConfigError if a keypoint is named that there is not, or an index is left out
 */
function fromInfo(found: unknown, where: string): Keypoints {
  const { keypoint_info, skeleton_info, sigmas } = validate(info, found, where);
  const listed = inOrder(keypoint_info, where);
  const names = listed.map(({ name }) => name);
  const places = new Map(names.map((name, i) => [name, i]));
  const placeOf = (name: string): number => {
    const place = places.get(name);
    if (place === undefined) throw new ConfigError(`${where}: there is no keypoint "${name}".`);
    return place;
  };
  return keypointsOf({
    names,
    skeleton: Object.values(skeleton_info).map(({ link: [from, to] }): [number, number] => [
      placeOf(from),
      placeOf(to),
    ]),
    swaps: listed.flatMap(({ swap }, i) => (swap === '' ? [] : [[i, placeOf(swap)]])),
    sigmas,
  });
}

/** Returns the values of a dict with the keys 0, 1, … by these. */
function inOrder<T>(dict: Readonly<Record<string, T>>, where: string): T[] {
  return Object.entries(dict)
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([key, value], i) => {
      if (Number(key) === i) return value;
      throw new ConfigError(`${where}: the keypoints must be counted from 0, got ${key} in place of ${i}.`);
    });
}

/** mmpose 1.x makes this of a `dataset_info`, and writes it beside the weights. Its other fields are for drawing and training. */
const parsed = z.looseObject({
  keypoint_id2name: z.record(z.string(), z.string()),
  skeleton_links: z._default(keypointPairs, []),
  flip_pairs: z._default(keypointPairs, []),
  sigmas: z.nullish(z.array(sigma)),
});

/** Returns the keypoints of a `dataset_meta`. Undefined if it is of another task. */
export function keypointsOfMeta(meta: unknown): Keypoints | undefined {
  const where = 'dataset_meta';
  if (!isObject(meta)) return undefined;
  if ('keypoint_info' in meta) return fromInfo(meta, where);
  if (!('keypoint_id2name' in meta)) return undefined;
  const { keypoint_id2name, skeleton_links, flip_pairs, sigmas } = validate(parsed, meta, where);
  return keypointsOf({
    names: inOrder(keypoint_id2name, where),
    skeleton: skeleton_links,
    swaps: flip_pairs,
    sigmas: sigmas?.map(shortest),
  });
}

/** Returns the shortest number that is this one in float32, as which mmpose keeps it. */
function shortest(value: number): number {
  const same = (text: string) => Math.fround(Number(text)) === Math.fround(value);
  for (let digits = 1; digits < 9; digits++)
    if (same(value.toPrecision(digits))) return Number(value.toPrecision(digits));
  return value;
}

interface Said {
  readonly names: string[];
  readonly skeleton: [number, number][];
  /** Pairs that change places, in any order and once or twice. A keypoint may be its own partner. */
  readonly swaps: readonly (readonly number[])[];
  readonly sigmas: number[] | null | undefined;
}

function keypointsOf({ names, skeleton, swaps, sigmas }: Said): Keypoints {
  const flipPairs = new Map<string, [number, number]>();
  for (const [a = 0, b = 0] of swaps) {
    const pair: [number, number] = [Math.min(a, b), Math.max(a, b)];
    if (a !== b) flipPairs.set(pair.join(), pair);
  }
  const ordered = [...flipPairs.values()].sort(([a], [b]) => a - b);
  // data sets that are not measured by OKS have an empty list
  return written({ names, skeleton, flipPairs: ordered, sigmas: sigmas?.length ? sigmas : undefined });
}

/** Data sets by the names of mmpose's classes, and by those of the files that have their `dataset_info`. */
const datasetTypes: Readonly<Record<string, DatasetId>> = {
  TopDownCocoDataset: 'coco_keypoints',
  CocoDataset: 'coco_keypoints',
};
const infoFiles: Readonly<Record<string, DatasetId>> = { 'coco.py': 'coco_keypoints' };

/** The names of what has the keypoints, by mmpose's name of the data set. It is a person in all others. */
const classesOf: Readonly<Record<string, string>> = {
  macaque: 'macaque',
  ap10k: 'animal',
  animalpose: 'animal',
  'Animal Kingdom': 'animal',
  atrw: 'tiger',
  horse10: 'horse',
  zebra: 'zebra',
  locust: 'locust',
  fly: 'fly',
  onehand10k: 'hand',
  freihand: 'hand',
  interhand2d: 'hand',
  interhand3d: 'hand',
  panoptic_hand2d: 'hand',
  rhd2d: 'hand',
  coco_wholebody_hand: 'hand',
  coco_wholebody_face: 'face',
  '300w': 'face',
  '300vw': 'face',
  '300wlp': 'face',
  aflw: 'face',
  cofw: 'face',
  wflw: 'face',
  lapa: 'face',
  deepfashion_full: 'clothes',
  deepfashion_upper: 'clothes',
  deepfashion_lower: 'clothes',
  deepfashion2: 'clothes',
};

/** Facts on keypoints from outside the configuration. */
export interface KeypointContext {
  /** The data set if the configuration names none. */
  readonly dataset?: DatasetId | undefined;
  /** `dataset_meta` of the checkpoint. As in mmpose it comes before the configuration. */
  readonly datasetMeta?: unknown;
  /** The class names in the checkpoint's meta. One says what has the keypoints, if they are of no published data set. */
  readonly classes?: readonly string[] | undefined;
}

/**
 * Returns the keypoints of a model, as a published data set if they are the same.
 *
 * @param whole the configuration, or only the model dict, which does not say them
 * @throws ConfigError if nothing says them, or if there are more or fewer than the head has
 */
export function keypointsFromMm(
  whole: Readonly<Record<string, unknown>>,
  count: number,
  context: KeypointContext,
): Pick<PoseConfig, 'dataset' | 'keypoints' | 'class'> {
  const set = keypointsOfMeta(context.datasetMeta) ?? inlineSet(whole);
  const named = setNameIn(context.datasetMeta) ?? setNameIn(inlineInfo(whole));
  const kind = set && named !== undefined && Object.hasOwn(classesOf, named) ? classesOf[named] : undefined;
  const { id, name } = set
    ? { id: kind === undefined ? sameAs(set) : undefined, name: named ?? 'of the configuration' }
    : namedSet(whole, context.dataset);
  const keypoints = set ?? (id && (datasets[id] as { keypoints?: KeypointSet }).keypoints);
  if (!keypoints) {
    const unknown = name === undefined ? '' : ` (the data set is ${name})`;
    throw new ConfigError(
      `mmpose model: nothing says what its ${count} keypoints are${unknown}. Give the whole configuration with its dataset_info, or name a ` +
        "published data set: fromMm(config, { dataset: 'coco_keypoints' }).",
    );
  }
  if (keypoints.names.length !== count) {
    throw new ConfigError(
      `mmpose model: the head has ${count} keypoints (out_channels), the data set ${id ?? name} ${keypoints.names.length}.`,
    );
  }
  const only = context.classes?.length === 1 ? context.classes[0] : undefined;
  return id ? { dataset: id } : { keypoints: set, class: kind ?? (only || undefined) };
}

const ofTest = (whole: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
  const test = testDataset(whole);
  return isObject(test) ? test : {};
};

/** Returns the `dataset_info` in a configuration. 1.x has it as `metainfo`, which mostly names a file. */
function inlineInfo(whole: Readonly<Record<string, unknown>>): unknown {
  const { metainfo, dataset_info } = ofTest(whole);
  const inline = isObject(metainfo) && 'keypoint_info' in metainfo ? metainfo : undefined;
  return dataset_info ?? whole.dataset_info ?? inline;
}

/** Returns the keypoints that a configuration lists. */
function inlineSet(whole: Readonly<Record<string, unknown>>): Keypoints | undefined {
  const found = inlineInfo(whole);
  return found === undefined
    ? undefined
    : fromInfo(found, found === ofTest(whole).metainfo ? 'metainfo' : 'dataset_info');
}

const setNameIn = (info: unknown): string | undefined =>
  isObject(info) && typeof info.dataset_name === 'string' ? info.dataset_name : undefined;

/** Returns the file or class by which a configuration names its data set. Undefined if it lists the keypoints itself, or names none. */
export const keypointSetName = (whole: Readonly<Record<string, unknown>>): string | undefined =>
  inlineInfo(whole) === undefined ? namedSet(whole, undefined).name : undefined;

/** Returns the data set that a configuration names by a file or a class, or the one of the context. */
function namedSet(
  whole: Readonly<Record<string, unknown>>,
  dataset: DatasetId | undefined,
): { readonly id: DatasetId | undefined; readonly name: string | undefined } {
  const { metainfo, type = whole.dataset_type } = ofTest(whole);
  const file = isObject(metainfo) ? `${metainfo.from_file}`.replace(/^.*[\\/]/, '') : undefined;
  const name = file ?? (typeof type === 'string' ? bareType(type) : undefined);
  if (name === undefined) return { id: dataset, name: dataset };
  const table = file === undefined ? datasetTypes : infoFiles;
  // another data set of the same class has a file of its own
  const id = Object.hasOwn(table, name) ? table[name] : file === undefined ? dataset : undefined;
  return { id, name };
}

/** Returns the published data set with these keypoints. */
function sameAs(set: KeypointSet): DatasetId | undefined {
  const text = ({ names, skeleton, flipPairs, sigmas }: KeypointSet) =>
    JSON.stringify([names, skeleton, flipPairs, sigmas]);
  const known = Object.values(datasets).find((one) => 'keypoints' in one && text(one.keypoints) === text(set));
  return known?.id;
}
