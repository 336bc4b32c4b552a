import * as z from 'zod';
import { type DatasetId, datasets, numberedClasses } from '../../datasets/index.ts';
import { ConfigError } from '../../errors.ts';
import { validate } from '../../validate.ts';
import type { ClassesOf, ModelConfig } from '../config.ts';
import { backboneFromMm, onWholePyramid } from './backbones.ts';
import { cascadeFromMm, rcnnFromMm, retinaNetFromMm } from './detection.ts';
import { byType, written } from './parts.ts';
import { segmentorFromMm } from './segmentation.ts';

/** Reads configurations of mmdetection 2.x / 3.x and mmsegmentation models, as their checkpoints carry them. */

/** What is known about a configuration from elsewhere. */
export interface MmContext {
  /** The names that the checkpoint's meta gives. */
  readonly classes?: readonly string[] | undefined;
  /** The data set if the configuration names none: the one of the published model that the file is called after. */
  readonly dataset?: DatasetId | undefined;
  /** Test scale that replaces the one in the configuration, or the usual one. */
  readonly scale?: readonly [number, number] | undefined;
  readonly name?: string | undefined;
}

const dict = z.record(z.string(), z.unknown());
const full = z.looseObject({ type: z.string(), backbone: z.looseObject({ type: z.string() }) });

type Dense = Pick<ModelConfig, 'detection' | 'segmentation'>;
/** For segmentation, the image is stretched to a multiple of `divisor`. */
type Input = { scale?: [number, number] | undefined; divisor?: number };

type Read = (model: unknown, classes: ClassesOf, input: Input) => Dense;

const detectorBy =
  (read: typeof rcnnFromMm): Read =>
  (model, classes, { scale }) => ({ detection: { ...read(model, classes), input: scale ? { scale } : {} } });

const models: Readonly<Record<string, Read>> = {
  MaskRCNN: detectorBy(rcnnFromMm),
  FasterRCNN: detectorBy(rcnnFromMm),
  CascadeRCNN: detectorBy(cascadeFromMm),
  RetinaNet: detectorBy(retinaNetFromMm),
  EncoderDecoder: (model, classes, input) => ({ segmentation: { ...segmentorFromMm(model, classes), input } }),
};

/**
 * Returns the configuration of this package for one of mm.
 *
 * @param config the model dict, or a whole configuration with `model` in it
 * @throws ConfigError if a field is missing or of the wrong kind, UnsupportedError if the type of the model is not read
 */
export function fromMm(config: unknown, context: MmContext = {}): ModelConfig {
  const what = context.name ?? 'mm config';
  const whole = validate(dict, config, what);
  const model = onWholePyramid(validate(full, whole.model ?? whole, what));
  const dense = byType(models, model.type, 'model');
  const { scale, ...input } = testInput(whole);
  const [long, short] = context.scale ?? scale ?? [];
  return written({
    name: context.name,
    backbone: backboneFromMm(model.backbone),
    image: imageOf(whole, model),
    ...dense(model, (count) => classesOf(count, { ...context, dataset: datasetIn(whole) ?? context.dataset }), {
      ...input,
      scale: long && short ? [long, short] : undefined,
    }),
  });
}

/** The data sets by mm's names of their classes. */
const datasetTypes: Readonly<Record<string, DatasetId>> = { CocoDataset: 'coco', ADE20KDataset: 'ade20k' };

/** Returns the data set that the configuration tests on, if it is one that is known here. */
function datasetIn(whole: Record<string, unknown>): DatasetId | undefined {
  const older = dict.safeParse(dict.safeParse(whole.data).data?.test).data;
  const newer = dict.safeParse(dict.safeParse(whole.test_dataloader).data?.dataset).data;
  const type = `${older?.type ?? newer?.type ?? whole.dataset_type}`.replace(/^.*\./, '');
  return Object.hasOwn(datasetTypes, type) ? datasetTypes[type] : undefined;
}

/** Configurations of other data sets in COCO's format say `CocoDataset` too, so its classes must agree with the head and the names. */
function classesOf(count: number, { classes, dataset }: MmContext) {
  if (classes && classes.length !== count) {
    throw new ConfigError(`the checkpoint names ${classes.length} classes, its head has ${count}.`);
  }
  const known = dataset && datasets[dataset].classes;
  const agrees = known?.length === count && (classes ?? known).every((name, label) => name === known[label]);
  if (agrees) return { dataset };
  return { classes: classes ? [...classes] : numberedClasses(count) };
}

const three = z.tuple([z.number(), z.number(), z.number()]);
const preprocessor = z.looseObject({ mean: three, std: three, bgr_to_rgb: z.boolean().default(false) });
const normalisation = z.looseObject({ mean: three, std: three, to_rgb: z.boolean().default(true) });

/** Images are decoded as BGR there; `bgr_to_rgb` (3.x) or `to_rgb` (2.x) turns them before mean and std are applied. */
function imageOf(whole: Record<string, unknown>, model: Record<string, unknown>): NonNullable<ModelConfig['image']> {
  const newer = preprocessor.safeParse(model.data_preprocessor ?? whole.data_preprocessor);
  if (newer.success) {
    const { mean, std, bgr_to_rgb } = newer.data;
    return { mean, std, channelOrder: bgr_to_rgb ? 'rgb' : 'bgr' };
  }
  const older = normalisation.safeParse(whole.img_norm_cfg);
  if (!older.success) return {};
  const { mean, std, to_rgb } = older.data;
  return { mean, std, channelOrder: to_rgb ? 'rgb' : 'bgr' };
}

const pair = z.tuple([z.number(), z.number()]);
const step = z.looseObject({
  type: z.string(),
  img_scale: pair.optional(),
  scale: pair.optional(),
  size_divisor: z.number().optional(),
  transforms: z.array(z.unknown()).optional(),
});

/** What the test pipeline does first to the image, where the configuration has one: to which scale, stretched or not. */
function testInput(whole: Record<string, unknown>): Input {
  const data = dict.safeParse(whole.data).data;
  const pipeline = whole.test_pipeline ?? dict.safeParse(data?.test).data?.pipeline;
  return Array.isArray(pipeline) ? firstResize(pipeline) : {};
}

function firstResize(steps: readonly unknown[]): Input {
  for (const entry of steps) {
    const found = step.safeParse(entry).data;
    const scale = found?.scale ?? found?.img_scale;
    const scaled = scale && { scale };
    if (found?.type === 'MultiScaleFlipAug') return { ...firstResize(found.transforms ?? []), ...scaled };
    if (found?.type === 'Resize') return { divisor: 1, ...scaled };
    if (found?.type === 'AlignResize') return { divisor: found.size_divisor ?? 32, ...scaled };
  }
  return {};
}
