import * as z from 'zod';
import { type DatasetId, datasets, numberedClasses } from '../../datasets/index.ts';
import { ConfigError } from '../../errors.ts';
import { validate } from '../../validate.ts';
import type { ClassesOf, ModelConfig } from '../config.ts';
import { backboneFromMm, onWholePyramid } from './backbones.ts';
import { cascadeFromMm, rcnnFromMm, retinaNetFromMm } from './detection.ts';
import { byType, written } from './parts.ts';
import { segmentationFromMm } from './segmentation.ts';

/** Reads configurations of mmdetection 2.x / 3.x and mmsegmentation models, as their checkpoints carry them. */

/** Facts about a configuration from elsewhere. */
export interface MmContext {
  /** The class names in the checkpoint's meta. */
  readonly classes?: readonly string[] | undefined;
  /** The data set if the configuration names none: that of the published model whose name the file has. */
  readonly dataset?: DatasetId | undefined;
  /** Test scale. It replaces the one in the configuration, or the default. */
  readonly scale?: readonly [number, number] | undefined;
  /** The name of the model, for its configuration and for messages. */
  readonly name?: string | undefined;
}

const dict = z.record(z.string(), z.unknown());
const full = z.looseObject({ type: z.string(), backbone: z.looseObject({ type: z.string() }) });

type Dense = Pick<ModelConfig, 'detection' | 'segmentation'>;
/** The test scale. Segmentation stretches the image to a multiple of `divisor`. */
type Input = { scale?: [number, number] | undefined; divisor?: number };

type Read = (model: unknown, classes: ClassesOf, input: Input) => Dense;

const detectionBy =
  (read: typeof rcnnFromMm): Read =>
  (model, classes, { scale }) => ({ detection: { ...read(model, classes), input: scale ? { scale } : {} } });

const models: Readonly<Record<string, Read>> = {
  MaskRCNN: detectionBy(rcnnFromMm),
  FasterRCNN: detectionBy(rcnnFromMm),
  CascadeRCNN: detectionBy(cascadeFromMm),
  RetinaNet: detectionBy(retinaNetFromMm),
  EncoderDecoder: (model, classes, input) => ({ segmentation: { ...segmentationFromMm(model, classes), input } }),
};

/**
 * Translates a configuration of mmdet 2.x / 3.x or mmseg to one of this package.
 *
 * @param config the model dict, or a whole configuration with `model` in it
 * @throws ConfigError if a field is missing or wrong, UnsupportedError if the type of the model or of a part is not supported
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

/** Data sets by the names of mm's data set classes. */
const datasetTypes: Readonly<Record<string, DatasetId>> = { CocoDataset: 'coco', ADE20KDataset: 'ade20k' };

/** Returns the data set that the configuration tests on. Undefined if this package does not have it. */
function datasetIn(whole: Record<string, unknown>): DatasetId | undefined {
  const older = dict.safeParse(dict.safeParse(whole.data).data?.test).data;
  const newer = dict.safeParse(dict.safeParse(whole.test_dataloader).data?.dataset).data;
  const type = `${older?.type ?? newer?.type ?? whole.dataset_type}`.replace(/^.*\./, '');
  return Object.hasOwn(datasetTypes, type) ? datasetTypes[type] : undefined;
}

/** Returns the classes of a head. Other data sets in COCO's format are `CocoDataset` too, so its classes must agree with head and names. */
function classesOf(count: number, { classes, dataset }: MmContext) {
  if (classes && classes.length !== count) {
    throw new ConfigError(`the checkpoint names ${classes.length} classes, but its head has ${count}.`);
  }
  const known = dataset && datasets[dataset].classes;
  const agrees = known?.length === count && (classes ?? known).every((name, label) => name === known[label]);
  if (agrees) return { dataset };
  return { classes: classes ? [...classes] : numberedClasses(count) };
}

const three = z.tuple([z.number(), z.number(), z.number()]);
const preprocessor = z.looseObject({ mean: three, std: three, bgr_to_rgb: z.boolean().default(false) });
const normalisation = z.looseObject({ mean: three, std: three, to_rgb: z.boolean().default(true) });

/** Returns the normalisation. mm decodes images as BGR; `bgr_to_rgb` (3.x) or `to_rgb` (2.x) reorders them before mean and std. */
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

/** Returns the scale of the test pipeline, and the divisor if it stretches the image. Empty if the configuration has no pipeline. */
function testInput(whole: Record<string, unknown>): Input {
  const data = dict.safeParse(whole.data).data;
  const pipeline = whole.test_pipeline ?? dict.safeParse(data?.test).data?.pipeline;
  return Array.isArray(pipeline) ? firstResize(pipeline) : {};
}

/** Reads the first step that resizes. */
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
