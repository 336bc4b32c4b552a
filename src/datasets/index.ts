import { ConfigError, unknownName } from '../errors.ts';
import { foundIn } from '../validate.ts';
import { ade20kColors, cocoColors, facadeClassColors, facadeInstanceColors } from './colors.data.ts';
import { imageNetNames } from './imagenet.data.ts';
import { ade20kNames, cocoNames, facadeClasses, facadeInstances } from './labels.data.ts';

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
}

/** Ids between 1 and 90 that COCO's detection set does not use. */
const cocoGaps = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);

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
    licence: "annotations CC BY 4.0, images under Flickr's terms (cocodataset.org/#termsofuse)",
  },
  ade20k: {
    id: 'ade20k',
    title: 'ADE20K',
    classes: ade20kNames,
    colors: ade20kColors,
    licence: 'annotations BSD-3-Clause, images for non-commercial research and education (ade20k.csail.mit.edu/terms)',
  },
  imagenet: { id: 'imagenet', title: 'ImageNet', classes: imageNetNames, licence: imageNetLicence },
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

/** The name of a published data set in a configuration. */
export type DatasetId = keyof typeof datasets;

export const datasetIds = Object.keys(datasets) as readonly DatasetId[];

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

/** "class 0", "class 1", …: names if only the number of classes is known. */
export const numberedClasses = (count: number): string[] => Array.from({ length: count }, (_, i) => `class ${i}`);
