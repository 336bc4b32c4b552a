import * as z from 'zod/mini';
import { type Backbone, backbones, type Stage } from '../../backbones/index.ts';
import { type DatasetId, datasets, numberedClasses } from '../../datasets/index.ts';
import { ConfigError } from '../../errors.ts';
import { checkNumbers, isObject, validate, validateOptions } from '../../validate.ts';
import type { ClassesOf, ModelConfig } from '../config.ts';
import { isUdp } from '../pose_config.ts';
import { backboneFromMm, firstStage, onWholePyramid, poseBackboneFromMm } from './backbones.ts';
import { cascadeFromMm, rcnnFromMm, retinaNetFromMm } from './detectors.ts';
import { inputFromMm, testDataset } from './input.ts';
import { keypointsFromMm } from './keypoints.ts';
import { bareType, byType, count, plainPart, written } from './parts.ts';
import { poseFromMm } from './pose.ts';
import { poseInputFromMm } from './pose_input.ts';
import { segmentationFromMm } from './segmentation.ts';

/** Reads configurations of mmdetection 2.x / 3.x, mmsegmentation and mmpose models, as their checkpoints carry them. */

/** Facts about a configuration from elsewhere. */
export interface MmContext {
  /** The class names in the checkpoint's meta. */
  readonly classes?: readonly string[] | undefined;
  /** The data set if the configuration names none: that of the published model whose name the file has. */
  readonly dataset?: DatasetId | undefined;
  /** `dataset_meta` of the checkpoint's meta, which says the keypoints of a pose model of mmpose 1.x. */
  readonly datasetMeta?: unknown;
  /** Test scale. It replaces the one in the configuration, or the default. */
  readonly scale?: readonly [number, number] | undefined;
  /** The name of the model, for its configuration and for messages. */
  readonly name?: string | undefined;
}

const contextOptions = z.strictObject({
  classes: z.optional(z.readonly(z.array(z.string()))),
  dataset: z.optional(z.enum(Object.keys(datasets) as DatasetId[])),
  datasetMeta: z.optional(z.unknown()),
  scale: z.optional(z.readonly(z.tuple([count, count]))),
  name: z.optional(z.string()),
});

const dict = z.record(z.string(), z.unknown());
const typed = z.looseObject({ type: z.string() });
const full = z.looseObject({ type: z.string(), backbone: z.looseObject({ type: z.string() }) });

/** A model type: its task, and the function that reads its dict. */
type Reader =
  | { readonly task: 'detection'; readonly read: typeof rcnnFromMm }
  | { readonly task: 'segmentation'; readonly read: typeof segmentationFromMm }
  | { readonly task: 'pose' };

const models: Readonly<Record<string, Reader>> = {
  MaskRCNN: { task: 'detection', read: rcnnFromMm },
  FasterRCNN: { task: 'detection', read: rcnnFromMm },
  CascadeRCNN: { task: 'detection', read: cascadeFromMm },
  RetinaNet: { task: 'detection', read: retinaNetFromMm },
  EncoderDecoder: { task: 'segmentation', read: segmentationFromMm },
  TopDown: { task: 'pose' },
  TopdownPoseEstimator: { task: 'pose' },
};

/**
 * Translates a configuration of mmdet 2.x / 3.x, mmseg 0.x / 1.x or mmpose 0.x / 1.x to one of this package. Everything that changes
 * results is translated, or refused by its name.
 *
 * @param config the model dict, or a whole configuration with `model` in it
 * @throws ConfigError if a field is missing or wrong, UnsupportedError if the type of the model or of a part is not supported
 */
export function fromMm(config: unknown, context: MmContext = {}): ModelConfig {
  validateOptions(contextOptions, context, 'fromMm');
  const what = context.name ?? 'mm config';
  const whole = validate(dict, config, what);
  if (whole._base_ !== undefined) {
    throw new ConfigError(
      `${what}: _base_: the files that it names are not read. Give the whole: Config.fromfile(file).dump().`,
    );
  }
  const raw = modelIn(whole);
  // another kind of model, such as one that distils, may have no backbone
  const reader = byType(models, validate(typed, raw, what).type, 'model');
  const given = validate(full, raw, what);
  if (reader.task === 'pose') return poseModelFromMm(whole, given, context);
  const backbone = backboneFromMm(given.backbone);
  const parts = plainPart({ ...given, backbone: undefined }) as typeof given;
  const model = onWholePyramid({ ...parts, backbone: given.backbone });
  const stages = stagesOf(backbone);
  const source = { name: 'backbone', dict: model.backbone, stages, levels: stages.slice(firstStage(model)) };
  const classes: ClassesOf = (count, channels) =>
    classesOf(count, channels, { ...context, dataset: datasetIn(whole) ?? context.dataset });
  const { image, input } = inputFromMm(whole, model, reader.task);
  const fitted = { ...input, scale: context.scale ? [...context.scale] : input.scale } as typeof input;
  return written({
    name: context.name,
    backbone,
    image,
    [reader.task]: { ...reader.read(model, classes, source), input: fitted },
  });
}

type Whole = Readonly<Record<string, unknown>>;

/** Joins network, keypoints, crops and decoding of a top-down pose model. */
function poseModelFromMm(
  whole: Whole,
  given: z.output<typeof full>,
  { scale, name, ...context }: MmContext,
): ModelConfig {
  const { backbone, first } = poseBackboneFromMm(given.backbone);
  const source = { name: 'backbone', dict: given.backbone, levels: stagesOf(backbone), first };
  const model = plainPart({ ...given, backbone: undefined }) as typeof given;
  const { head, test, keypoints, inputSize } = poseFromMm(model, source);
  const { image, input, udp } = poseInputFromMm(whole, model, inputSize);
  const decodesUdp = test.decode !== undefined && isUdp({ decode: test.decode });
  if (udp !== undefined && udp !== decodesUdp) {
    throw new ConfigError(
      `mmpose model: the crop is ${udp ? '' : 'not '}that of UDP (use_udp of the test pipeline), but the decoding is${udp ? ' not' : ''}.`,
    );
  }
  const size = scale ? { width: scale[0], height: scale[1] } : input.size;
  const steps = model.head === undefined ? undefined : '1x';
  const which = keypointsFromMm(whole, keypoints, context);
  return written({ name, backbone, image, pose: { ...which, head, input: { ...input, size, steps }, test } });
}

/** Returns the model dict, with the thresholds of the first versions of mmdet 2, which stand beside it. */
function modelIn(whole: Readonly<Record<string, unknown>>): unknown {
  const { model = whole, test_cfg } = whole;
  const isOlder = isObject(model) && model !== whole && model.test_cfg === undefined && isObject(test_cfg);
  // mm 3.x has the type of its test loop there
  return isOlder && !('type' in test_cfg) ? { ...model, test_cfg } : model;
}

const stagesOf = (config: ModelConfig['backbone']): readonly Stage[] =>
  (backbones[config.type as keyof typeof backbones] as (config: unknown) => Backbone)(config).stages;

/** Data sets by the names of mm's data set classes. */
const datasetTypes: Readonly<Record<string, DatasetId>> = { CocoDataset: 'coco', ADE20KDataset: 'ade20k' };

/** Returns the data set that the configuration tests on. Undefined if this package does not have it. */
function datasetIn(whole: Record<string, unknown>): DatasetId | undefined {
  const found = testDataset(whole);
  const type = bareType(`${(isObject(found) ? found.type : undefined) ?? whole.dataset_type}`);
  return Object.hasOwn(datasetTypes, type) ? datasetTypes[type] : undefined;
}

/**
 * Returns the classes of a head. Other data sets in COCO's format are `CocoDataset` too, so its classes must agree with head and names.
 *
 * @param channels 1 if the head's one channel tells two classes apart. Then a head of one class may have two names.
 */
function classesOf(count: number, channels: number | undefined, { classes, dataset, name = 'mm config' }: MmContext) {
  checkNumbers({ num_classes: count }, name); // before each class gets a name
  const isBinary = channels === 1 && count === 1;
  if (isBinary && classes?.length === 2) return { classes: [...classes] };
  if (isBinary && !classes) return { classes: ['background', 'foreground'] };
  if (classes && classes.length !== count) {
    throw new ConfigError(`the checkpoint names ${classes.length} classes, but its head has ${count}.`);
  }
  const known = dataset && datasets[dataset].classes;
  const agrees = known?.length === count && (classes ?? known).every((name, label) => name === known[label]);
  if (agrees) return { dataset };
  return { classes: classes ? [...classes] : numberedClasses(count) };
}
