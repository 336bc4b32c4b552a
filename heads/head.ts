import type { Stage } from '../src/backbones/backbone.ts';
import { batchNorm, type ConvOptions, conv2d, module, relu, type Scope, type Value } from '../src/nn/index.ts';

/** Turns a pyramid into another of equal channels. */
export interface Neck {
  readonly stages: readonly Stage[];
  forward(scope: Scope, pyramid: readonly Value[]): Value[];
}

/** A map of class scores at the resolution of the finest level that it reads. */
export interface SegmentationHead {
  /** How its logits are resized to the image. */
  readonly alignCorners: boolean;
  forward(scope: Scope, pyramid: readonly Value[]): Value;
}

/** mmcv's ConvModule as heads use it: a convolution without bias, BatchNorm, ReLU; or a convolution with bias, ReLU. */
export const convModule = module(
  (scope: Scope, x: Value, channels: number, options: ConvOptions & { norm: boolean }): Value => {
    const { norm, ...convOptions } = options;
    let y = conv2d(scope.at('conv'), x, channels, { ...convOptions, bias: !norm });
    if (norm) y = batchNorm(scope.at('bn'), y);
    return relu(scope.at('activate'), y);
  },
);
