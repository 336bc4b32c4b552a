import type { Size } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { foundIn } from '../validate.ts';
import { checkChannels, checkOptions } from './attributes.ts';
import * as F from './functional.ts';
import { sizeFrom } from './ops.ts';
import { module, record, type Scope, type Value } from './scope.ts';

/** The modules of `torch.nn` that bring parameters, and the activations that the official code has as modules. */

/** The options of `torch.nn.Conv2d`; a number stands for both extents. */
export interface ConvOptions {
  readonly kernel: number | Size;
  readonly stride?: number | Size;
  /** By default dilation · (kernel − 1) / 2, so that stride 1 keeps the size if the kernel is odd. */
  readonly padding?: number | Size;
  readonly dilation?: number | Size;
  readonly groups?: number;
  readonly bias?: boolean;
}

function checkBias(scope: Scope, bias: unknown): void {
  if (typeof bias === 'boolean') return;
  throw new ShapeError(`${scope.path}: bias must be true or false, got ${foundIn(bias)}.`);
}

/** `torch.nn.Conv2d`: N×C×H×W to N×channels×H'×W'. Keys `weight`, and `bias` unless it is turned off. */
export const conv2d = module((scope: Scope, x: Value, channels: number, options: ConvOptions): Value => {
  checkOptions(`${scope.path}: conv2d`, options, ['kernel', 'stride', 'padding', 'dilation', 'groups', 'bias']);
  if (!Number.isInteger(channels) || options?.kernel === undefined) {
    throw new ShapeError(`${scope.path}: conv2d is called conv2d(scope, x, channels, { kernel: 3 }).`);
  }
  const { groups = 1, bias = true } = options;
  checkBias(scope, bias);
  checkChannels(scope.path, 'conv2d', channels);
  const kernel = sizeFrom(options.kernel);
  const stride = sizeFrom(options.stride ?? 1);
  const dilation = sizeFrom(options.dilation ?? 1);
  const padding = sizeFrom(
    options.padding ?? {
      height: (dilation.height * (kernel.height - 1)) >> 1,
      width: (dilation.width * (kernel.width - 1)) >> 1,
    },
  );
  if (!Number.isInteger(groups) || x.channels % groups !== 0 || channels % groups !== 0) {
    throw new ShapeError(
      `${scope.path}: ${foundIn(groups)} groups do not divide ${x.channels} → ${channels} channels.`,
    );
  }
  const weight = scope.parameter('weight', [channels, x.channels / groups, kernel.height, kernel.width]);
  const attributes = { kernel, stride, padding, dilation, groups };
  return bias
    ? record('conv2d', [x, weight, scope.parameter('bias', [channels])], attributes, channels, scope)
    : record('conv2d', [x, weight], attributes, channels, scope);
});

/** `torch.nn.Linear` on every position of a map: a 1×1 convolution whose weight is [out, in] in the state dict. */
export const pointwise = module(
  (scope: Scope, x: Value, channels: number, options: { readonly bias?: boolean } = {}): Value => {
    checkOptions(`${scope.path}: pointwise`, options, ['bias']);
    const { bias = true } = options;
    checkBias(scope, bias);
    checkChannels(scope.path, 'pointwise', channels);
    const weight = scope.parameter('weight', [channels, x.channels], 'parameter', [channels, x.channels, 1, 1]);
    const [one, none] = [sizeFrom(1), sizeFrom(0)];
    const attributes = { kernel: one, stride: one, padding: none, dilation: one, groups: 1 };
    return bias
      ? record('conv2d', [x, weight, scope.parameter('bias', [channels])], attributes, channels, scope)
      : record('conv2d', [x, weight], attributes, channels, scope);
  },
);

/** The options of `torch.nn.ConvTranspose2d`; a number stands for both extents. */
export interface ConvTransposeOptions {
  readonly kernel: number | Size;
  readonly stride: number | Size;
  /** Rows and columns that are cut off at each side. By default none. */
  readonly padding?: number | Size;
  /** Rows and columns that are added below and at the right, fewer than the stride. By default none. */
  readonly outputPadding?: number | Size;
  readonly bias?: boolean;
}

/** `torch.nn.ConvTranspose2d`: N×C×H×W to N×channels×H'×W'. Keys `weight`, and `bias` unless it is turned off. */
export const convTranspose2d = module(
  (scope: Scope, x: Value, channels: number, options: ConvTransposeOptions): Value => {
    const known = ['kernel', 'stride', 'padding', 'outputPadding', 'bias'];
    checkOptions(`${scope.path}: convTranspose2d`, options ?? null, known);
    const { bias = true } = options;
    checkBias(scope, bias);
    const kernel = sizeFrom(options.kernel);
    const weight = scope.parameter('weight', [x.channels, channels, kernel.height, kernel.width]);
    const attributes = {
      kernel,
      stride: sizeFrom(options.stride),
      padding: sizeFrom(options.padding ?? 0),
      outputPadding: sizeFrom(options.outputPadding ?? 0),
    };
    return bias
      ? record('convTranspose2d', [x, weight, scope.parameter('bias', [channels])], attributes, channels, scope)
      : record('convTranspose2d', [x, weight], attributes, channels, scope);
  },
);

/** `torch.nn.Linear` on a map of `size` (1×1 by default), flattened in C·H·W order. */
export const linear = module((scope: Scope, x: Value, features: number, size: number | Size = 1): Value => {
  const { height, width } = sizeFrom(size);
  const inFeatures = x.channels * height * width;
  const weight = scope.parameter('weight', [features, inFeatures]);
  return record('linear', [x, weight, scope.parameter('bias', [features])], { inFeatures }, features, scope);
});

/** `torch.nn.Linear` over the pixels of maps of the size `from`, the same for every channel: gives maps of the size `to`. */
export const mixPositions = module((scope: Scope, x: Value, from: number | Size, to: number | Size): Value => {
  const sizes = { from: sizeFrom(from), to: sizeFrom(to) };
  const outputs = sizes.to.height * sizes.to.width;
  const weight = scope.parameter('weight', [outputs, sizes.from.height * sizes.from.width]);
  return record('mixPositions', [x, weight, scope.parameter('bias', [outputs])], sizes, x.channels, scope);
});

/** `torch.nn.BatchNorm2d` in evaluation mode: by the running mean and variance. */
export const batchNorm = module((scope: Scope, x: Value, eps = 1e-5): Value => {
  const shape = [x.channels];
  const inputs = [
    x,
    scope.parameter('weight', shape),
    scope.parameter('bias', shape),
    scope.parameter('running_mean', shape, 'buffer'),
    scope.parameter('running_var', shape, 'buffer'),
  ] as const;
  scope.parameter('num_batches_tracked', [], 'ignored');
  return record('batchNorm', inputs, { eps }, x.channels, scope);
});

/** `torch.nn.GroupNorm`: mean and variance over the channels of a group and all pixels. */
export const groupNorm = module((scope: Scope, x: Value, groups: number, eps = 1e-5): Value => {
  const inputs = [x, scope.parameter('weight', [x.channels]), scope.parameter('bias', [x.channels])] as const;
  return record('groupNorm', inputs, { groups, eps }, x.channels, scope);
});

/** `torch.nn.LayerNorm` over the channels of every position of a map. */
export const layerNorm = module((scope: Scope, x: Value, eps = 1e-5): Value => {
  const inputs = [x, scope.parameter('weight', [x.channels]), scope.parameter('bias', [x.channels])] as const;
  return record('layerNorm', inputs, { eps }, x.channels, scope);
});

/** `torch.nn.GELU`, by erf. */
export const gelu = module((scope: Scope, x: Value): Value => F.gelu(x, scope));
/** `torch.nn.SiLU`. */
export const silu = module((scope: Scope, x: Value): Value => F.silu(x, scope));
/** `torch.nn.ReLU`. */
export const relu = module((scope: Scope, x: Value): Value => F.relu(x, scope));
