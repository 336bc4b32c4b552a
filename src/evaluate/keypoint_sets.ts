import type { CocoFile } from '../data/coco_file.ts';
import type { ImageSet } from '../data/image_set.ts';
import { cocoKeypoints } from '../datasets/keypoints.ts';
import { ConfigError, DataError, listed } from '../errors.ts';
import { foundIn } from '../values.ts';

/** The keypoints of both sides: their names, which are matched as those of classes are, and the sigmas that OKS divides by. */

/**
 * The standard deviation of each keypoint's labels, as a share of the object's size: one for all, or one for each in the order of the
 * data set.
 */
export type Sigmas = number | readonly number[];

/** Which keypoints are compared. */
export interface KeypointMatch {
  /** For each keypoint that is compared, in the order of the data set: its index among those of the model. */
  readonly fromModel: readonly number[];
  /** Its index among those of the data set. All of them, unless the model lacks some. */
  readonly ofData: readonly number[];
  readonly notices: readonly string[];
}

/** The keypoints of labels. */
export interface LabelledKeypoints {
  /** Undefined if the labels do not name them. */
  readonly names: readonly string[] | undefined;
  readonly count: number;
}

/** Returns the keypoints of a data set, as far as its files tell. */
export function keypointsOfSet({ keypoints, coco }: Pick<ImageSet, 'coco' | 'keypoints'>): LabelledKeypoints {
  if (keypoints) return { names: keypoints.numbered ? undefined : keypoints.names, count: keypoints.names.length };
  const labelled = coco?.annotations.find((one) => one.keypoints && one.keypoints.length > 0)?.keypoints;
  return { names: undefined, count: (labelled?.length ?? 0) / 3 };
}

/**
 * Matches the keypoints of a model with those of a data set by their names. If the labels do not name them, their order counts.
 *
 * @throws ConfigError if none is on both sides, or if there are no names and the numbers differ
 */
export function matchKeypoints(model: readonly string[], { names, count }: LabelledKeypoints): KeypointMatch {
  const all = [...model.keys()];
  if (!names) {
    if (count === model.length) {
      const notice = 'keypoints: the labels do not name them, so they are compared in the order of the model.';
      return { fromModel: all, ofData: all, notices: [`${notice} Its names: ${few(model)}.`] };
    }
    throw new ConfigError(
      `keypoints: the model has ${model.length} (${few(model)}), and the labels have ${count} without names. Name them in the data set, or choose a model of ${count} keypoints.`,
    );
  }
  const places = new Map(model.map((name, k) => [name.trim(), k]));
  const pairs = names.flatMap((name, k) => {
    const from = places.get(name.trim());
    return from === undefined ? [] : [{ from, k }];
  });
  if (pairs.length === 0) {
    throw new ConfigError(
      `keypoints: the model and the data set have none in common. The model's: ${few(model)}. The data set's: ${few(names)}. Names must be equal to the letter.`,
    );
  }
  const known = new Set(pairs.map(({ k }) => k));
  const onlyData = names.filter((_, k) => !known.has(k));
  const taken = new Set(pairs.map(({ from }) => from));
  const onlyModel = model.filter((_, k) => !taken.has(k));
  const notices: string[] = [];
  if (onlyData.length > 0) {
    const effect = 'they are left out on both sides, so the figures are not those of the whole data set';
    notices.push(`keypoints: the model does not know ${few(onlyData)} of the data set; ${effect}.`);
  }
  if (onlyModel.length > 0) {
    notices.push(`keypoints: the data set does not have ${few(onlyModel)} of the model; they are left out.`);
  }
  return { fromModel: pairs.map(({ from }) => from), ofData: pairs.map(({ k }) => k), notices };
}

/** What COCO computes with where nothing else is said: see `cocoParameters`. */
const coco = { count: cocoKeypoints.names.length, sigmas: cocoKeypoints.sigmas ?? [] };

/**
 * Returns the sigmas for a number of keypoints. Undefined stands for COCO's, which differ in the last bit from the numbers that models
 * state: so the figures of a model are those of the file of its results.
 *
 * @throws ConfigError if there are sigmas for another number of keypoints, or if one is not above 0
 */
export function sigmasFor(sigmas: Sigmas | undefined, count: number): readonly number[] | undefined {
  const each = typeof sigmas === 'number' ? Array.from({ length: count }, () => sigmas) : sigmas;
  if (each === undefined) return undefined;
  const wrong = each.find((sigma) => !(typeof sigma === 'number' && sigma > 0 && Number.isFinite(sigma)));
  if (wrong !== undefined) {
    throw new ConfigError(`option sigmas: must be numbers above 0, such as 0.05, got ${foundIn(wrong)}.`);
  }
  if (each.length !== count) {
    throw new ConfigError(
      `option sigmas: there are ${each.length} for ${count} keypoints. Give one for each keypoint of the data set, or one for all.`,
    );
  }
  const isCoco = count === coco.count && each.every((sigma, k) => Math.abs(sigma - coco.sigmas[k]!) < 1e-9);
  return isCoco ? undefined : each;
}

/** Says that COCO's sigmas are taken for other keypoints; undefined if they are COCO's. @throws DataError if there is not a sigma for each */
export function noticeOfCocoSigmas({ names, count }: LabelledKeypoints, setName: string): string | undefined {
  if (count !== coco.count) {
    const what = names ? `${count} keypoints (${few(names)})` : `${count} keypoints`;
    throw new DataError(
      `${setName}: there are no sigmas for its ${what}. OKS needs one for each, and only COCO's ${coco.count} are known. Give them with the option \`sigmas\`.`,
    );
  }
  if (!names || names.every((name, k) => plain(name) === plain(cocoKeypoints.names[k]!))) return undefined;
  return `keypoints: the sigmas are those of COCO's persons, as in pycocotools, but these are others: ${few(names)}. Give theirs with the option \`sigmas\`.`;
}

const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]+/g, '');

const few = (names: readonly string[]): string => listed(names, 20);

/**
 * Prepares labels for COCO's measure of keypoints, entry by entry: only the keypoints that are compared stay, and an object without
 * keypoints gets unlabelled ones, which COCO ignores.
 */
export function withKeypoints(truth: CocoFile, count: number, kept?: readonly number[]): CocoFile {
  const annotations = truth.annotations.map((one) => {
    const { keypoints } = one;
    if (!keypoints)
      return { ...one, keypoints: new Array<number>(3 * (kept?.length ?? count)).fill(0), num_keypoints: 0 };
    if (!kept || kept.length === count || keypoints.length !== 3 * count) return one;
    const flat = kept.flatMap((k) => keypoints.slice(3 * k, 3 * k + 3));
    return { ...one, keypoints: flat, num_keypoints: kept.filter((k) => keypoints[3 * k + 2]! > 0).length };
  });
  return { ...truth, annotations };
}

/** Returns the ids of the classes that have labelled keypoints; of all if none has any. */
export function classesWithKeypoints({ annotations, categories }: CocoFile): number[] {
  const having = new Set(annotations.filter((one) => one.keypoints).map(({ category_id: id }) => id));
  const ids = categories.map(({ id }) => id);
  return having.size > 0 ? ids.filter((id) => having.has(id)) : ids;
}
