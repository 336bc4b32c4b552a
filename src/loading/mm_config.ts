import { MoganetError, placed } from '../errors.ts';
import { readConfigText } from '../formats/python.ts';
import type { ModelConfig } from '../models/config.ts';
import { backboneFromMm } from '../models/mm/backbones.ts';
import { fromMm, type MmContext } from '../models/mm/index.ts';
import { keypointSetName, keypointsOfMeta } from '../models/mm/keypoints.ts';
import { isObject } from '../validate.ts';
import { keypointMeta } from './keypoint_sets.ts';

/** Reads mm's configuration in the metadata of a checkpoint. */

type Dict = Readonly<Record<string, unknown>>;

/**
 * Returns the configuration of a detection, segmentation or pose model. Undefined for a classifier, whose configurations lack facts
 * on head and images that the published entry has.
 *
 * @throws ConfigError or UnsupportedError if it cannot be used
 */
export function configOfMm(
  meta: Dict,
  file: string,
  context: Pick<MmContext, 'scale' | 'dataset'>,
): ModelConfig | undefined {
  const read = mmConfigIn(meta, file);
  if (!read || /classif/i.test(`${modelIn(read).type}`)) return undefined;
  try {
    return fromMm(read, { classes: classNames(meta), datasetMeta: datasetMeta(meta, read), ...context });
  } catch (error) {
    throw error instanceof MoganetError ? placed(error, file) : error;
  }
}

/** Returns the keypoints beside the weights, else those of a data set that the configuration only names. */
function datasetMeta(meta: Dict, read: Dict): unknown {
  if (keypointsOfMeta(meta.dataset_meta)) return meta.dataset_meta;
  const name = keypointSetName(read);
  return name === undefined ? undefined : keypointMeta(name);
}

/** Returns the backbone. Undefined if it cannot be read: it is only a hint. */
export function backboneOfMm(meta: Dict, file: string): ModelConfig['backbone'] | undefined {
  try {
    const { backbone } = modelIn(mmConfigIn(meta, file) ?? {});
    return isObject(backbone) && typeof backbone.type === 'string'
      ? backboneFromMm({ ...backbone, type: backbone.type })
      : undefined;
  } catch {
    return undefined;
  }
}

/** Returns the whole configuration: a dict with `model` in it, or the dict of the model. */
function mmConfigIn({ config, cfg }: Dict, file: string): Dict | undefined {
  const read: unknown = readConfigText(`${config ?? cfg}`, `${file}: meta.config`);
  return isObject(read) ? read : undefined;
}

const modelIn = (config: Dict): Dict => (isObject(config.model) ? config.model : config);

/** Returns the class names: mmcv 1.x writes `CLASSES`, mmengine `dataset_meta.classes`. */
function classNames(meta: Dict): readonly string[] | undefined {
  const newer = isObject(meta.dataset_meta) ? meta.dataset_meta : {};
  const found = meta.CLASSES ?? newer.classes ?? newer.CLASSES;
  const names = typeof found === 'string' ? [found] : found;
  return Array.isArray(names) && names.every((name) => typeof name === 'string') ? names : undefined;
}
