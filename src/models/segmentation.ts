import type { SegmentationHead } from '../../heads/head.ts';
import { necks, type SegmentationHeadEntry } from '../../heads/index.ts';
import type { Stage } from '../backbones/index.ts';
import { datasetOf } from '../datasets/index.ts';
import { prepareSegmentation } from '../image/preprocess.ts';
import type { Scope, Value } from '../nn/index.ts';
import {
  labelsFrom,
  labelsFromWindows,
  slidingWindows,
  type WindowLogits,
  windowOf,
} from '../postprocess/segmentation.ts';
import type { ImageConfig, SegmentationConfig } from './config.ts';
import { byName, fitImages, type Labels, type Task, type TaskInputs } from './task.ts';

/**
 * Gives every pixel of an image a class: mmseg's EncoderDecoder, on the whole input or on overlapping windows of it.
 *
 * @throws ConfigError if the neck does not fit the stages
 */
export function segmentationTask(
  config: SegmentationConfig,
  image: ImageConfig,
  stages: readonly Stage[],
  heads: Readonly<Record<string, SegmentationHeadEntry>>,
): Task {
  const dataset = datasetOf(config);
  const neck = config.neck && necks[config.neck.type].make(config.neck, stages);
  const levelsOf = (scope: Scope, pyramid: readonly Value[]) => neck?.forward(scope.at('neck'), pyramid) ?? pyramid;
  const headOf = (of: SegmentationConfig['head']): SegmentationHead =>
    // the schema has checked the type, and that the field fits it
    (heads[of.type] as SegmentationHeadEntry).make(of as never, dataset.classes.length, neck?.stages ?? stages);
  const head = headOf(config.head);
  const auxiliary = config.auxiliary && headOf(config.auxiliary);
  const { slide } = config;

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
      ((scope, pyramid) => ({
        aux_logits: auxiliary.forward(scope.at('auxiliary_head'), levelsOf(scope, pyramid)),
      })),
    prepare: (images, size) =>
      fitImages(images, config.input, size, (raster, fit) => prepareSegmentation(raster, { ...image, ...fit })),
    predict: async (inputs) => {
      const maps = slide ? await onWindows(inputs, slide, head) : await onWhole(inputs, head);
      return maps.map((labels) => ({ segmentation: { labels, dataset } }));
    },
  };
}

/** Resizes the logits to the padded input, crops the padding, and resizes to the original image, as mmseg does. */
async function onWhole({ features, geometries }: TaskInputs, { alignCorners }: SegmentationHead): Promise<Labels[]> {
  const logits = await byName(await features(), 'seg_logits').read();
  return geometries.map(({ padded, resized, original }, i) => {
    const steps = [{ size: padded, crop: resized }, { size: original }];
    return labelsFrom(logits, { steps, alignCorners }, i);
  });
}

/** Runs `features` on each window and takes the mean of the logits of overlapping windows. */
async function onWindows(
  { image, geometries, run }: TaskInputs,
  sliding: NonNullable<SegmentationConfig['slide']>,
  { alignCorners }: SegmentationHead,
): Promise<Labels[]> {
  const maps: Labels[] = [];
  for (const [i, geometry] of geometries.entries()) {
    const windows: WindowLogits[] = [];
    for (const window of slidingWindows(geometry.padded, sliding)) {
      const features = await run('features', { image: windowOf(image, i, window) });
      try {
        windows.push({ window, logits: await byName(features, 'seg_logits').read() });
      } finally {
        for (const tensor of Object.values(features)) tensor.dispose();
      }
    }
    maps.push(labelsFromWindows(windows, geometry, alignCorners));
  }
  return maps;
}
