import { ConfigError, unknownName } from '../errors.ts';
import { foundIn } from '../validate.ts';
import { ade20kColors, cocoColors, facadeClassColors, facadeInstanceColors } from './colors.data.ts';
import { imageNetNames } from './imagenet.data.ts';
import { cocoKeypoints, type KeypointSet } from './keypoints.ts';
import { ade20kNames, cocoNames, facadeClasses, facadeInstances } from './labels.data.ts';

export type { KeypointSet } from './keypoints.ts';

/** A data set that weights were trained on. */
export interface TrainingData {
  /** The name as its publisher writes it. */
  readonly title: string;
  /** The terms under which annotations and images are published, with a URL. */
  readonly licence?: string | undefined;
}

/** The classes that a model tells apart. A published data set has an id, by which configurations name it. */
export interface Dataset extends Partial<TrainingData> {
  /** Absent for a list of classes that a configuration brings itself. */
  readonly id?: string | undefined;
  /** Class names by label. */
  readonly classes: readonly string[];
  /** Published colours by label, 8-bit sRGB (red, green, blue). */
  readonly colors?: readonly (readonly [red: number, green: number, blue: number])[] | undefined;
  /** The ids by label that the data set's annotation files use. */
  readonly categoryIds?: readonly number[] | undefined;
  /** The keypoints of its only class, for poses. */
  readonly keypoints?: KeypointSet | undefined;
}

/** Ids between 1 and 90 that COCO's detection set does not use. */
const cocoGaps = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);

const cocoLicence = "annotations CC BY 4.0, images under Flickr's terms (cocodataset.org/#termsofuse)";

const imageNetLicence = 'images for non-commercial research and education (image-net.org/download)';

const facadeLicence = 'CC BY 4.0 (building-facade-segmentation-instance v1, Roboflow Universe)';

/** Every data set that a configuration can name, by its id. */
export const datasets = {
  coco: {
    id: 'coco',
    title: 'COCO',
    classes: cocoNames,
    colors: cocoColors,
    categoryIds: Array.from({ length: 90 }, (_, i) => i + 1).filter((id) => !cocoGaps.has(id)),
    licence: cocoLicence,
  },
  ade20k: {
    id: 'ade20k',
    title: 'ADE20K',
    classes: ade20kNames,
    colors: ade20kColors,
    licence: 'annotations BSD-3-Clause, images for non-commercial research and education (ade20k.csail.mit.edu/terms)',
  },
  imagenet: { id: 'imagenet', title: 'ImageNet', classes: imageNetNames, licence: imageNetLicence },
  coco_keypoints: {
    id: 'coco_keypoints',
    title: 'COCO keypoints',
    classes: ['person'],
    categoryIds: [1],
    keypoints: cocoKeypoints,
    licence: cocoLicence,
  },
  facade_instances: {
    id: 'facade_instances',
    title: 'Facades, instances',
    classes: facadeInstances,
    colors: facadeInstanceColors,
    licence: facadeLicence,
  },
  facade_classes: {
    id: 'facade_classes',
    title: 'Facades, classes',
    classes: facadeClasses,
    colors: facadeClassColors,
    licence: facadeLicence,
  },
} as const satisfies Readonly<Record<string, Dataset>>;

/** Backbones saw it before ImageNet-1k; no model here tells its 21841 classes apart. */
export const imageNet22k: TrainingData = { title: 'ImageNet-22k', licence: imageNetLicence };

/** Weights of poses were fine-tuned on it, with COCO's keypoints (arXiv 2503.07499). */
export const athletePose3d: TrainingData = {
  title: 'AthletePose3D',
  licence: 'for non-commercial and scientific research (github.com/calvinyeungck/AthletePose3D)',
};

/** The name of a published data set in a configuration. */
export type DatasetId = keyof typeof datasets;

export const datasetIds = Object.keys(datasets) as readonly DatasetId[];

/** The data sets with keypoints. */
export const poseDatasetIds: readonly DatasetId[] = datasetIds.filter((id) => 'keypoints' in datasets[id]);

/** The fields of a task's configuration that say its classes: the id of a data set, or names, or only their number. */
export interface ClassesConfig {
  readonly dataset?: DatasetId | undefined;
  readonly classes?: readonly string[] | number | undefined;
}

/**
 * Returns the data set of a task: the named one, or the listed classes as a data set without an id.
 *
 * @throws ConfigError for an unknown name, or if there is neither a name nor classes
 */
export function datasetOf(config: ClassesConfig): Dataset {
  const { dataset, classes } = config ?? {};
  if (dataset !== undefined) {
    if (Object.hasOwn(datasets, dataset)) return datasets[dataset];
    throw new ConfigError(unknownName('data set', `${dataset}`, datasetIds));
  }
  if (!Array.isArray(classes) && typeof classes !== 'number') {
    throw new ConfigError(
      `datasetOf takes { dataset } (${datasetIds.join(', ')}) or { classes }, got ${foundIn(config)}.`,
    );
  }
  return { classes: typeof classes === 'number' ? numberedClasses(classes) : classes };
}

/** The fields of a pose's configuration that say its keypoints: the id of a data set, or the keypoints and whose they are. */
export interface KeypointsConfig {
  readonly dataset?: DatasetId | undefined;
  /** A skeleton and pairs that are left out are empty. */
  readonly keypoints?: (Pick<KeypointSet, 'names'> & Partial<KeypointSet>) | undefined;
  /** The name of what has these keypoints. By default `person`. */
  readonly class?: string | undefined;
}

/** A data set with keypoints. */
export type PoseDataset = Dataset & { readonly keypoints: KeypointSet };

/**
 * Returns the data set of a pose: the named one, or the listed keypoints as a data set without an id.
 *
 * @throws ConfigError for an unknown name, for a data set without keypoints, or if there is neither a name nor keypoints
 */
export function poseDatasetOf(config: KeypointsConfig): PoseDataset {
  const { dataset, keypoints, class: name = 'person' } = config ?? {};
  if (keypoints && dataset === undefined) {
    const { names, skeleton = [], flipPairs = [], sigmas } = keypoints;
    return { classes: [name], keypoints: { names, skeleton, flipPairs, sigmas } };
  }
  const named: Dataset = datasetOf({ dataset });
  if (named.keypoints) return { ...named, keypoints: named.keypoints };
  throw new ConfigError(
    `the data set "${dataset}" has no keypoints. Known with keypoints: ${poseDatasetIds.join(', ')}.`,
  );
}

/** "class 0", "class 1", …: names if only the number of classes is known. */
export const numberedClasses = (count: number): string[] => Array.from({ length: count }, (_, i) => `class ${i}`);
