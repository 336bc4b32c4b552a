import { UnsupportedError } from '../../errors.ts';
import { isObject, validate } from '../../validate.ts';
import type { ModelConfig } from '../config.ts';
import { plainPart } from './parts.ts';
import { type Image, normalization, orderAfter, type Padding, type PadValue, pipelineFromMm } from './pipeline.ts';
import { preprocessorFromMm } from './preprocessor.ts';

/** Joins what a whole configuration of mm says on images: its test pipeline, its preprocessor, and `img_norm_cfg` of mm 2.x. */

type Task = 'detection' | 'segmentation';
type Input = NonNullable<NonNullable<ModelConfig['segmentation']>['input']>;

/** The fields `input` of a task and `image` of a model. What a configuration does not say is absent, and has the package's default. */
export interface TestInput {
  readonly input: Input;
  readonly image: Image;
}

const fieldOf = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined);

/** Returns the data set that a configuration tests on: of a list or a wrapper, the first one in it. */
export function testDataset(whole: unknown): unknown {
  const unwrapped = (dataset: unknown): unknown => {
    if (Array.isArray(dataset)) return unwrapped(dataset[0]);
    const inner = fieldOf(dataset, 'dataset') ?? fieldOf(dataset, 'datasets');
    return isObject(inner) && fieldOf(dataset, 'pipeline') === undefined ? unwrapped(inner) : dataset;
  };
  return unwrapped(fieldOf(fieldOf(whole, 'test_dataloader'), 'dataset') ?? fieldOf(fieldOf(whole, 'data'), 'test'));
}

/** Returns the test pipeline, which a configuration keeps in the data set, and often as a variable, too. */
function pipelineIn(whole: unknown): readonly unknown[] | undefined {
  const found = fieldOf(testDataset(whole), 'pipeline') ?? fieldOf(whole, 'test_pipeline');
  return Array.isArray(found) && found.length > 0 ? found : undefined;
}

/**
 * Reads how a configuration prepares images.
 *
 * @param whole the configuration, or only the model dict, which says little or nothing on images
 * @throws UnsupportedError or ConfigError naming a step or an argument that would give other pixels
 */
export function inputFromMm(whole: unknown, model: unknown, task: Task): TestInput {
  const list = pipelineIn(whole);
  const dict = fieldOf(model, 'data_preprocessor') ?? fieldOf(whole, 'data_preprocessor') ?? undefined;
  const pipeline = list && pipelineFromMm(list, dict !== undefined);
  const order = pipeline?.order ?? 'bgr';
  const usual = task === 'detection' ? 'DetDataPreprocessor' : 'SegDataPreProcessor';
  const preprocessor = dict === undefined ? undefined : preprocessorFromMm(dict, order, usual);
  if (pipeline?.image && preprocessor) {
    throw new UnsupportedError('test pipeline: Normalize is not supported together with a data_preprocessor.');
  }
  if (pipeline?.stretch && task === 'detection') {
    throw new UnsupportedError(
      'test pipeline: a detector is not supported on images that are stretched to a multiple.',
    );
  }
  const isWhole = pipeline !== undefined && !pipeline.isCut;
  const none: Image = { mean: [0, 0, 0], std: [1, 1, 1], channelOrder: order };
  // a pipeline without Normalize does not normalise, unless it is only a part of one
  const variable = pipeline?.isComplete ? undefined : oldImage(whole);
  const image = preprocessor?.image ?? pipeline?.image ?? variable ?? (isWhole ? none : {});
  const pad = preprocessor?.pad ?? pipeline?.pad ?? (isWhole ? unpadded : undefined);
  const fitted = {
    scale: pipeline?.scale,
    keepRatio: pipeline?.keepRatio === false ? false : undefined,
    padSize: pad?.size,
    padValue: pad && padValue(pad, image, order),
  };
  if (task === 'detection') return { image, input: { ...fitted, divisor: pad && (pad.divisor ?? 1) } };
  const padDivisor = pad?.divisor === 1 ? undefined : pad?.divisor;
  return { image, input: { ...fitted, divisor: isWhole ? (pipeline.stretch ?? 1) : undefined, padDivisor } };
}

const unpadded: Padding = { divisor: 1, value: 0, inBytes: false };

/** Returns the normalisation that mm 2.x keeps as a variable, for the pipelines. */
function oldImage(whole: unknown): Image | undefined {
  const found = fieldOf(whole, 'img_norm_cfg');
  if (found === undefined) return undefined;
  const { mean, std, to_rgb } = validate(normalization, plainPart(found), 'img_norm_cfg');
  return { mean, std, channelOrder: orderAfter('bgr', to_rgb) };
}

/** Returns the values of the padding after the normalisation, in the network's order. Undefined for zeros. */
function padValue({ value, inBytes }: Padding, image: Image, order: 'rgb' | 'bgr'): PadValue | undefined {
  if (!inBytes) return value === 0 || `${value}` === '0,0,0' ? undefined : value;
  const { mean = [0, 0, 0], std = [1, 1, 1], channelOrder } = image;
  const [a, b, c] = typeof value === 'number' ? ([value, value, value] as const) : value;
  const bytes = channelOrder === order ? [a, b, c] : [c, b, a];
  const [x, y, z] = bytes.map((byte, i) => (byte - mean[i as 0]) / std[i as 0]) as [number, number, number];
  return x === 0 && y === 0 && z === 0 ? undefined : [x, y, z];
}
