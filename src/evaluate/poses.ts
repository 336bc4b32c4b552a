import type { CocoDetection } from '../data/coco_file.ts';
import { categoryIdOf, cocoCollector } from '../data/coco_of.ts';
import type { ImageSet, KeypointNames, LabelledImage } from '../data/image_set.ts';
import type { PoseDataset } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import type { FoundObjects } from './complete.ts';
import {
  type KeypointMatch,
  keypointsOfSet,
  matchKeypoints,
  type Sigmas,
  sigmasFor,
  withKeypoints,
} from './keypoint_sets.ts';
import type { Observation } from './observe.ts';

/** Collects the poses of a run in COCO's form, keypoint by keypoint as the data set names them. */

/** The facts about a pose model that is measured. */
export interface MeasuredPose {
  /** How messages name the model. */
  readonly name: string;
  readonly dataset: PoseDataset;
  /** The data set's label for each class of the model, -1 for none. */
  readonly toData: Int32Array;
  /** By default those of the model. */
  readonly sigmas: Sigmas | undefined;
}

/** Collects the poses of a run as COCO's results, with the labels of the same images. */
export interface PoseMeasure {
  /** Returns the image's id in the annotation file. */
  add(image: LabelledImage, observation: Observation): number;
  collected(): FoundObjects;
  readonly notices: readonly string[];
}

/**
 * Starts a measure. Keypoints are matched by name. A result has no box: COCO would take the person's size from it, and not from the keypoints.
 *
 * @throws ConfigError if no keypoint is on both sides, or if there are no sigmas
 */
export function poseMeasure(set: ImageSet, { name, dataset, toData, sigmas }: MeasuredPose): PoseMeasure {
  const { names, sigmas: own } = dataset.keypoints;
  const labelled = keypointsOfSet(set);
  const { fromModel, ofData, notices } = matchKeypoints(names, labelled);
  sigmasFor(sigmas, labelled.count); // refuses them before the run
  const measured: Sigmas | undefined =
    sigmas === undefined || typeof sigmas === 'number'
      ? (sigmas ?? (own && fromModel.map((k) => own[k]!)))
      : ofData.map((k) => sigmas[k]!);
  if (measured === undefined) {
    throw new ConfigError(
      `${name}: there are no sigmas for its ${names.length} keypoints, by which OKS measures distances. Give them with the option \`sigmas\`, or as "sigmas" beside the names of the keypoints in the model's configuration.`,
    );
  }
  const collector = cocoCollector(set);
  const category = categoryIdOf(set, toData[0] ?? -1);
  const found: CocoDetection[] = [];
  return {
    notices,
    add(image, { poses }) {
      const id = collector.add(image);
      const { scores, points, pointScores } = poses ?? nothing;
      for (const [i, score] of scores.entries()) {
        const keypoints = fromModel.flatMap((k) => {
          const at = i * names.length + k;
          return [points[2 * at]!, points[2 * at + 1]!, pointScores[at]!];
        });
        found.push({ image_id: id, category_id: category, keypoints, score });
      }
      return id;
    },
    collected() {
      const file = withKeypoints(collector.file(), labelled.count, ofData);
      const categories = file.categories.filter(({ id }) => id === category);
      const drawn = drawnKeypoints(set, dataset, { fromModel, ofData });
      const measuredNames = labelled.names && drawn.names;
      const keypoints = { names: measuredNames, count: ofData.length, drawn };
      return {
        truth: { ...file, categories },
        found,
        types: ['keypoints'],
        keypoints: { ...keypoints, sigmas: measured },
      };
    },
  };
}

/** The keypoints that are compared, with the skeleton of the data set, or of the model if the files have none. */
function drawnKeypoints(
  { keypoints }: ImageSet,
  { keypoints: own }: PoseDataset,
  { fromModel, ofData }: Pick<KeypointMatch, 'fromModel' | 'ofData'>,
): KeypointNames {
  const named = keypoints && !keypoints.numbered ? keypoints.names : undefined;
  const names = ofData.map((k, i) => named?.[k] ?? own.names[fromModel[i]!]!);
  const within = (pairs: KeypointNames['skeleton'], places: readonly number[]) =>
    pairs.flatMap(([a, b]): [number, number][] => {
      const [from, to] = [places.indexOf(a), places.indexOf(b)];
      return from >= 0 && to >= 0 ? [[from, to]] : [];
    });
  const ofSet = keypoints?.skeleton ?? [];
  return { names, skeleton: ofSet.length > 0 ? within(ofSet, ofData) : within(own.skeleton, fromModel) };
}

const nothing = { scores: [], points: [], pointScores: [] } as const;
