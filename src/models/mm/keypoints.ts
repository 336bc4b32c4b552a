import * as z from 'zod/mini';
import { type DatasetId, datasets, type KeypointSet } from '../../datasets/index.ts';
import { ConfigError } from '../../errors.ts';
import { isObject, validate } from '../../validate.ts';
import type { PoseConfig } from '../pose_config.ts';
import { testDataset } from './input.ts';
import { bareType, unneeded, written } from './parts.ts';

/** Finds out which keypoints the maps of a pose model are: from mmpose's `dataset_info`, or from the type of the data set. */

const keypoint = z.looseObject({ name: z.string(), id: z.int(), swap: z._default(z.string(), '') });
const link = z.looseObject({ link: z.tuple([z.string(), z.string()]) });
const info = z.strictObject({
  keypoint_info: z.record(z.string(), keypoint),
  skeleton_info: z._default(z.record(z.string(), link), {}),
  sigmas: z.optional(z.array(z.number().check(z.positive()))),
  ...unneeded('dataset_name', 'paper_info', 'joint_weights'),
});

const what = 'dataset_info';

/** @throws ConfigError if a keypoint is named that there is not */
function fromInfo(found: unknown): NonNullable<PoseConfig['keypoints']> {
  const { keypoint_info, skeleton_info, sigmas } = validate(info, found, what);
  const ordered = Object.values(keypoint_info).toSorted((a, b) => a.id - b.id);
  const names = ordered.map(({ name }) => name);
  const placeOf = (name: string): number => {
    const place = names.indexOf(name);
    if (place < 0) throw new ConfigError(`${what}: there is no keypoint "${name}".`);
    return place;
  };
  const swaps = ordered.flatMap(({ swap }, i) => (swap === '' ? [] : [[i, placeOf(swap)] as [number, number]]));
  return written({
    names,
    skeleton: Object.values(skeleton_info).map(
      ({ link: [from, to] }) => [placeOf(from), placeOf(to)] as [number, number],
    ),
    flipPairs: swaps.filter(([a, b]) => a < b),
    sigmas,
  });
}

/** Data sets by the names of mmpose's classes. */
const datasetTypes: Readonly<Record<string, DatasetId>> = {
  TopDownCocoDataset: 'coco_keypoints',
  CocoDataset: 'coco_keypoints',
};

/**
 * Returns the keypoints of a model, as a published data set if they are the same.
 *
 * @param whole the configuration, or only the model dict, which does not say them
 * @param dataset the data set if the configuration names none
 * @throws ConfigError if nothing says them, or if there are more or fewer than the head has
 */
export function keypointsFromMm(
  whole: Readonly<Record<string, unknown>>,
  count: number,
  dataset: DatasetId | undefined,
): Pick<PoseConfig, 'dataset' | 'keypoints'> {
  const test = testDataset(whole);
  const ofTest: Readonly<Record<string, unknown>> = isObject(test) ? test : {};
  const { metainfo } = ofTest; // of 1.x, mostly the name of a file
  const inline = isObject(metainfo) && 'keypoint_info' in metainfo ? metainfo : undefined;
  const found = ofTest.dataset_info ?? whole.dataset_info ?? inline;
  const isOther = isObject(metainfo) && !/(^|\/)coco\.py$/.test(`${metainfo.from_file}`);
  const type = isOther ? 'other metainfo' : bareType(`${ofTest.type ?? whole.dataset_type}`);
  const set = found === undefined ? undefined : fromInfo(found);
  const published = set ? sameAs(set) : Object.hasOwn(datasetTypes, type) ? datasetTypes[type] : dataset;
  const keypoints = set ?? (published && (datasets[published] as { keypoints?: KeypointSet }).keypoints);
  if (!keypoints) {
    throw new ConfigError(
      `mmpose model: nothing says what its ${count} keypoints are. Give the whole configuration with its dataset_info, or name a ` +
        "published data set: fromMm(config, { dataset: 'coco_keypoints' }).",
    );
  }
  if (keypoints.names.length !== count) {
    throw new ConfigError(
      `mmpose model: the head has ${count} keypoints, the data set ${published ?? type} ${keypoints.names.length}.`,
    );
  }
  return published ? { dataset: published } : { keypoints: set };
}

/** Returns the published data set with these keypoints. */
function sameAs(set: KeypointSet): DatasetId | undefined {
  const text = ({ names, skeleton, flipPairs, sigmas }: KeypointSet) =>
    JSON.stringify([names, skeleton, flipPairs, sigmas]);
  const known = Object.values(datasets).find((one) => 'keypoints' in one && text(one.keypoints) === text(set));
  return known?.id;
}
