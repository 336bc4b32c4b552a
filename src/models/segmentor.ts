import type { SegmentationHead } from '../../heads/head.ts';
import { necks, segmentationHeads } from '../../heads/index.ts';
import type { Stage } from '../backbones/backbone.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Named, NDArray } from '../ndarray.ts';
import type { Scope, Value } from '../nn/index.ts';
import { labelsFrom } from '../postprocess/segmentation.ts';
import type { SegmentorConfig } from './config.ts';

/** The part of a model that gives every pixel a class (mmseg's EncoderDecoder in whole mode). */
export interface Segmentor {
  readonly classes: readonly string[];
  /** Recorded into the part `features`: `seg_logits`. */
  forward(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  /** The auxiliary head's logits, where there is one; for training and for checking its weights. */
  auxiliary?(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  /** Class indices at the original size, of one image of the batch. */
  segment(logits: NDArray, image: number, geometry: Geometry): Uint8Array | Uint16Array;
}

/** @throws ConfigError where the neck does not fit the stages */
export function segmentor(config: SegmentorConfig, stages: readonly Stage[]): Segmentor {
  const { classes } = config;
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
  };
}

type MakeHead = (config: SegmentorConfig['head'], classes: number, stages: readonly Stage[]) => SegmentationHead;

/** The table pairs each head with its own configuration. */
const headOf: MakeHead = (config, classes, stages) =>
  (segmentationHeads[config.type] as MakeHead)(config, classes, stages);
