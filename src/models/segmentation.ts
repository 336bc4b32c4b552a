import type { SegmentationHead } from '../../heads/head.ts';
import { necks, segmentationHeads } from '../../heads/index.ts';
import type { Named, NDArray } from '../arrays.ts';
import type { Stage } from '../backbones/backbone.ts';
import { datasetOf } from '../datasets/index.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Scope, Value } from '../nn/index.ts';
import {
  labelsFrom,
  labelsFromWindows,
  slidingWindows,
  type WindowLogits,
  windowOf,
} from '../postprocess/segmentation.ts';
import type { SegmentorConfig } from './config.ts';
import type { RunPart } from './detector.ts';

/** The part of a model that gives every pixel a class (mmseg's EncoderDecoder). */
export interface Segmentor {
  readonly classes: readonly string[];
  /** Recorded into the part `features`: `seg_logits`. */
  forward(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  /** The auxiliary head's logits, where there is one; for training and for checking its weights. */
  auxiliary?(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  /** Class indices at the original size, of one image of the batch. */
  segment(logits: NDArray, image: number, geometry: Geometry): Labels;
  /** The same from the network's input N×C×H×W, where the configuration slides: runs `features` on windows of it. */
  slide?(input: NDArray, image: number, geometry: Geometry, run: RunPart): Promise<Labels>;
}

/** Class indices of every pixel, row by row; bytes up to 256 classes. */
export type Labels = Uint8Array | Uint16Array;

/** @throws ConfigError where the neck does not fit the stages */
export function segmentor(config: SegmentorConfig, stages: readonly Stage[]): Segmentor {
  const { slide: sliding } = config;
  const { classes } = datasetOf(config);
  const neck = config.neck && necks[config.neck.type](config.neck, stages);
  const levels = neck?.stages ?? stages;
  const levelsOf = (scope: Scope, pyramid: readonly Value[]) => neck?.forward(scope.at('neck'), pyramid) ?? pyramid;
  const head = headOf(config.head, classes.length, levels);
  const auxiliary = config.auxiliary && headOf(config.auxiliary, classes.length, levels);
  return {
    classes,
    forward: (scope, pyramid) => ({
      seg_logits: head.forward(scope.at('decode_head'), levelsOf(scope, pyramid)),
    }),
    ...(auxiliary && {
      auxiliary: (scope: Scope, pyramid: readonly Value[]) => ({
        aux_logits: auxiliary.forward(scope.at('auxiliary_head'), levelsOf(scope, pyramid)),
      }),
    }),
    segment: (logits, image, { padded, resized, original }) =>
      labelsFrom(
        logits,
        { steps: [{ size: padded, crop: resized }, { size: original }], alignCorners: head.alignCorners },
        image,
      ),
    ...(sliding && {
      slide: async (input: NDArray, image: number, geometry: Geometry, run: RunPart) => {
        const windows: WindowLogits[] = [];
        for (const window of slidingWindows(geometry.padded, sliding)) {
          const features = await run('features', { image: windowOf(input, image, window) });
          try {
            windows.push({ window, logits: await features.seg_logits!.read() });
          } finally {
            for (const resident of Object.values(features)) resident.dispose();
          }
        }
        return labelsFromWindows(windows, geometry, head.alignCorners);
      },
    }),
  };
}

type MakeHead = (config: SegmentorConfig['head'], classes: number, stages: readonly Stage[]) => SegmentationHead;

/** The table pairs each head with its own configuration. */
const headOf: MakeHead = (config, classes, stages) =>
  (segmentationHeads[config.type] as MakeHead)(config, classes, stages);
