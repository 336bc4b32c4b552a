import * as z from 'zod/mini';
import type { Stage } from '../src/backbones/backbone.ts';
import { batchNorm, type ConvOptions, conv2d, F, module, relu, type Scope, type Value } from '../src/nn/index.ts';

/** Turns a pyramid into another, whose levels have equal channels. */
export interface Neck {
  /** The levels that it returns, finest first. */
  readonly stages: readonly Stage[];
  /** Records the neck on a pyramid of maps N×C×H×W, finest first. */
  forward(scope: Scope, pyramid: readonly Value[]): Value[];
}

/** Turns a pyramid into one map of class logits, at the resolution of the finest level that it reads. */
export interface SegmentationHead {
  /** Aligns the corners when its logits are resized to the image, as PyTorch's `align_corners`. */
  readonly alignCorners: boolean;
  /** Records logits N×classes×H×W on a pyramid, finest first. */
  forward(scope: Scope, pyramid: readonly Value[]): Value;
}

/** Turns a pyramid into heatmaps of keypoints. */
export interface PoseHead {
  /** Records the heatmaps N×maps×H×W on a pyramid, finest first. */
  forward(scope: Scope, pyramid: readonly Value[]): Value;
}

/** A schema of the ε that BatchNorm adds to the variance. By default 1e-5. */
export const normEps = z.optional(z.number().check(z.positive()));

/** mmcv's ConvModule as heads use it: a convolution without bias, BatchNorm, ReLU; or a convolution with bias, ReLU. */
export const convModule = module(
  (
    scope: Scope,
    x: Value,
    channels: number,
    options: ConvOptions & { norm: boolean; normEps?: number | undefined },
  ): Value => {
    const { norm, normEps, ...convOptions } = options;
    let y = conv2d(scope.at('conv'), x, channels, { ...convOptions, bias: !norm });
    if (norm) y = batchNorm(scope.at('bn'), y, normEps);
    return relu(scope.at('activate'), y);
  },
);

/**
 * Adds to every level the sum of all coarser ones: the top-down path of a feature pyramid.
 *
 * @param levels maps of equal channels, finest first
 * @param resizeTo resizes a map to the size of another
 */
export function topDown(levels: readonly Value[], resizeTo: (x: Value, like: Value) => Value): Value[] {
  const sums: Value[] = [];
  for (const level of levels.toReversed()) {
    const [coarser] = sums;
    sums.unshift(coarser ? F.add(level, resizeTo(coarser, level)) : level);
  }
  return sums;
}
