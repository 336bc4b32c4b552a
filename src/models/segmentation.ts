import type { SegmentationHead } from '../../heads/head.ts';
import { necks, type SegmentationHeadEntry } from '../../heads/index.ts';
import { itemAt, type Named, type NDArray, type Size } from '../arrays.ts';
import type { Stage } from '../backbones/index.ts';
import { type Dataset, datasetOf } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import { prepareSegmentation, prepareWindows } from '../image/preprocess.ts';
import type { DeviceTensor, Scope, Value } from '../nn/index.ts';
import type { LabelOptions, ResizeStep } from '../postprocess/segmentation.ts';
import type { LabelView } from '../postprocess/view_labels.ts';
import type { WindowLogits, WindowOptions } from '../postprocess/windows.ts';
import { inSlices } from '../slices.ts';
import type { ImageConfig, SegmentationConfig } from './config.ts';
import {
  byName,
  fitImages,
  type ImageTask,
  type Labels,
  readAndFree,
  type TaskInputs,
  type TiledRun,
  type View,
} from './task.ts';
import type { Tiling } from './tiles.ts';

/**
 * Gives every pixel of an image a class: mmseg's EncoderDecoder, on the whole input or on overlapping windows of it.
 *
 * @throws ConfigError if the neck does not fit the stages, a head reads a level that there is not, or windows leave gaps
 */
export function segmentationTask(
  config: SegmentationConfig,
  image: ImageConfig,
  stages: readonly Stage[],
  heads: Readonly<Record<string, SegmentationHeadEntry>>,
): ImageTask {
  const { dataset, channels, threshold } = pixelClasses(config);
  const neck = config.neck && necks[config.neck.type].make(config.neck, stages);
  const levelsOf = (scope: Scope, pyramid: readonly Value[]) => neck?.forward(scope.at('neck'), pyramid) ?? pyramid;
  const headOf = (of: SegmentationConfig['head']): SegmentationHead =>
    // the schema has checked the type, and that the field fits it
    (heads[of.type] as SegmentationHeadEntry).make(of as never, channels, neck?.stages ?? stages);
  const head = headOf(config.head);
  const auxiliary = config.auxiliary && auxiliaryHeads(config.auxiliary, headOf);
  const { slide } = config;
  if (slide) checkSlide(slide);
  const how = { alignCorners: head.alignCorners, threshold };

  return {
    kind: 'segmentation',
    dataset,
    modules: neck ? ['neck', 'decode_head'] : ['decode_head'],
    forward: (scope, pyramid) => ({
      seg_logits: head.forward(scope.at('decode_head'), levelsOf(scope, pyramid)),
    }),
    parts: [],
    auxiliary:
      auxiliary &&
      ((scope, pyramid) => {
        const levels = levelsOf(scope, pyramid);
        return Object.fromEntries(
          auxiliary.map(({ name, path, head }) => [
            name,
            head.forward(
              path.reduce((at: Scope, key) => at.at(key), scope),
              levels,
            ),
          ]),
        );
      }),
    prepare: (images, size, scale) => {
      const prepare = slide && images.length === 1 ? prepareWindows : prepareSegmentation;
      return fitImages(images, config.input, size, (raster, fit) => prepare(raster, { ...image, ...fit }), scale);
    },
    inTiles: (size, _, tiling) => tiledRun(size, tiling, how, dataset),
    predict: async (inputs) => {
      const maps = slide ? await onWindows(inputs, slide, how) : await onWhole(inputs, how);
      return maps.map((labels) => ({ segmentation: { labels, dataset } }));
    },
    predictViews: async (views) => {
      const seen: LabelView[] = [];
      for (const view of views) seen.push(slide ? await viewOnWindows(view, slide, how) : await viewOnWhole(view, how));
      const { geometries, pause } = itemAt(views, 0);
      const { meanLabels } = await import('../postprocess/joining.ts');
      const labels = await inSlices(meanLabels(seen, itemAt(geometries, 0).original, threshold), pause);
      return { segmentation: { labels, dataset } };
    },
  };
}

/** How logits become classes. */
type Decision = Pick<LabelOptions, 'alignCorners' | 'threshold'>;

/** Joins the logits of tiles. Rows of labels are finished as the tiles come. */
async function tiledRun(size: Size, tiling: Tiling, how: Decision, dataset: Dataset): Promise<TiledRun> {
  const { slidingWindows, windowLabels } = await import('../postprocess/joining.ts');
  const windows = slidingWindows(size, tiling);
  const labels = windowLabels({ ...how, windows, base: size, original: size, blend: tiling.blend });
  return {
    takesWhole: false,
    async add({ features, geometries, networkDone, pause }) {
      const logits = await logitsOf(await features());
      await networkDone();
      await inSlices(labels.add(logits, stepsTo(itemAt(geometries, 0))), pause);
    },
    finish: async () => ({ segmentation: { labels: labels.finish(), dataset } }),
  };
}

/**
 * Returns the classes of pixels and the channels of the head. One class is told from the background by one channel, two are with a
 * threshold, as mmseg does.
 *
 * @throws ConfigError if there is a threshold for more classes
 */
function pixelClasses(config: SegmentationConfig): { dataset: Dataset; channels: number; threshold?: number } {
  const dataset = datasetOf(config);
  const { threshold } = config;
  const [first = '', ...others] = dataset.classes;
  if (others.length === 0) {
    const classes = [first === 'background' ? 'not background' : 'background', first];
    return { dataset: { classes }, channels: 1, threshold: threshold ?? 0.3 };
  }
  if (threshold === undefined) return { dataset, channels: dataset.classes.length };
  if (others.length === 1) return { dataset, channels: 1, threshold };
  throw new ConfigError(
    `segmentation.threshold: one channel tells two classes apart, and this model has ${dataset.classes.length}. Leave it out.`,
  );
}

/** Returns the heads with their paths. Those of a list have numbers, as in mmseg. */
function auxiliaryHeads(
  config: NonNullable<SegmentationConfig['auxiliary']>,
  headOf: (config: SegmentationConfig['head']) => SegmentationHead,
) {
  if (!Array.isArray(config)) return [{ name: 'aux_logits', path: ['auxiliary_head'], head: headOf(config) }];
  return config.map((one, i) => ({
    name: `aux_logits${i}`,
    path: ['auxiliary_head', `${i}`],
    head: headOf(one),
  }));
}

/** @throws ConfigError if windows would leave pixels out */
function checkSlide({ crop, stride }: NonNullable<SegmentationConfig['slide']>): void {
  for (const axis of ['height', 'width'] as const) {
    if (stride[axis] > crop[axis]) {
      throw new ConfigError(
        `segmentation.slide.stride.${axis}: must be at most the crop's ${crop[axis]}, or windows leave gaps, got ${stride[axis]}.`,
      );
    }
  }
}

/** The resizes of logits to the padded input, without the padding to the image. */
const stepsTo = ({ padded, resized, original }: Geometry): ResizeStep[] => [
  { size: padded, crop: resized },
  { size: original },
];

/** Resizes the logits to the padded input, crops the padding, and resizes to the original image, as mmseg does. */
async function onWhole(
  { features, geometries, networkDone, pause }: TaskInputs,
  decision: Decision,
): Promise<Labels[]> {
  const logits = await logitsOf(await features());
  await networkDone();
  const { labelSlices } = await import('../postprocess/joining.ts');
  const maps: Labels[] = [];
  for (const [i, geometry] of geometries.entries()) {
    maps.push(await inSlices(labelSlices(logits, { steps: stepsTo(geometry), ...decision }, i), pause));
  }
  return maps;
}

/** Keeps the logits of one view, which are small, until all views are there. */
async function viewOnWhole(view: View, decision: Decision): Promise<LabelView> {
  const { features, geometries, flipped, networkDone } = view;
  const logits = await logitsOf(await features());
  await networkDone();
  const { labelSlices, resizedLogitRows } = await import('../postprocess/joining.ts');
  const options = { steps: stepsTo(itemAt(geometries, 0)), ...decision };
  return { flipped, labels: () => labelSlices(logits, options), rows: () => resizedLogitRows(logits, options) };
}

type Slide = NonNullable<SegmentationConfig['slide']>;

/** Runs `features` on each window and takes the mean of the logits of overlapping windows. */
async function onWindows(inputs: TaskInputs, sliding: Slide, decision: Decision): Promise<Labels[]> {
  const { geometries, run, networkDone, pause } = inputs;
  const { slidingWindows, windowLabels, windowOf } = await import('../postprocess/joining.ts');
  const maps: Labels[] = [];
  for (const [i, geometry] of geometries.entries()) {
    const options = windowsOf(slidingWindows(geometry.padded, sliding), geometry, sliding, decision);
    const labels = windowLabels(options);
    for (const window of options.windows) {
      // the whole input is not asked for if it is not there
      const features = await run('features', { image: inputs.cut?.(window) ?? windowOf(inputs.image, i, window) });
      const logits = await readAndFree(features, logitsOf);
      if (i === geometries.length - 1 && window === options.windows.at(-1)) await networkDone();
      await inSlices(labels.add(logits), pause);
    }
    maps.push(labels.finish());
  }
  return maps;
}

const windowsOf = (
  windows: WindowOptions['windows'],
  { resized, original }: Geometry,
  sliding: Slide,
  decision: Decision,
): WindowOptions => ({
  windows,
  base: resized,
  original,
  ...decision,
  blend: sliding.blend ?? 'mean',
});

/** Keeps the logits of all windows of one view until all views are there. */
async function viewOnWindows(view: View, sliding: Slide, decision: Decision): Promise<LabelView> {
  const { slidingWindows, windowLabelSlices, windowLogitRows, windowOf } = await import('../postprocess/joining.ts');
  const geometry = itemAt(view.geometries, 0);
  const options = windowsOf(slidingWindows(geometry.padded, sliding), geometry, sliding, decision);
  const windows: WindowLogits[] = [];
  for (const window of options.windows) {
    const features = await view.run('features', { image: view.cut?.(window) ?? windowOf(view.image, 0, window) });
    windows.push({ window, logits: await readAndFree(features, logitsOf) });
  }
  await view.networkDone();
  return {
    flipped: view.flipped,
    labels: () => windowLabelSlices(windows, options),
    rows: () => windowLogitRows(windows, options),
  };
}

const logitsOf = (features: Named<DeviceTensor>): Promise<NDArray> => byName(features, 'seg_logits').read();
