import type * as tf from '@tensorflow/tfjs-core';
import type { NDArray } from '../../arrays.ts';
import type { Attributes, Operands, Operation } from '../../nn/ops.ts';
import type { MapShape } from '../../nn/shapes.ts';

/**
 * An operation in TensorFlow.js, on maps N×H×W×C of at least one image; regions are n×1×1×5. The result is a new tensor;
 * what else a kernel makes, the replay's tidy frees.
 */
export type Kernel<K extends Operation> = (
  attributes: Attributes[K],
  maps: Maps<Operands<tf.Tensor4D, undefined>[K]>,
  parameters: LaidOut<K, tf.Tensor>,
) => tf.Tensor4D;

export type Kernels = { readonly [K in Operation]: Kernel<K> };

/** Turns an operation's parameters, in PyTorch's shapes, into those of its kernel. */
export type Layout<K extends Operation> = (
  attributes: Attributes[K],
  parameters: Parameters<Operands<undefined, NDArray>[K]>,
  inChannels: number,
) => LaidOut<K, NDArray>;

export type Layouts = { readonly [K in Operation]?: Layout<K> };

/** Returns the most values that a kernel holds at once: those it makes, its result included. */
export type Held<K extends Operation> = (
  attributes: Attributes[K],
  inputs: readonly [first: MapShape, ...others: MapShape[]],
  output: MapShape,
) => number;

/** How a backend computes the vocabulary. */
export interface Implementation {
  readonly kernels: Kernels;
  readonly layouts: Layouts;
  readonly held: { readonly [K in Operation]: Held<K> };
}

/** The parameters of a kernel: those of its operation, unless its layout makes others of them. */
type LaidOut<K extends Operation, P> = K extends keyof LaidOutAnew<P>
  ? LaidOutAnew<P>[K]
  : Parameters<Operands<undefined, P>[K]>;

interface LaidOutAnew<P> {
  /** A filter for every group (one for depthwise ones), then the bias if there is one. */
  conv2d: readonly [filter: P, ...others: P[]];
  batchNorm: readonly [factor: P, shift: P];
  /** heads × positions × positions, and the value of a padded pixel. */
  windowAttention: readonly [bias: P, padding: P];
}

/** Leaves out the parameters, which are undefined and come last. */
type Maps<T extends readonly unknown[]> = T extends readonly undefined[]
  ? readonly []
  : T extends readonly [infer First, ...infer Rest]
    ? readonly [First, ...Maps<Rest>]
    : T;

/** Leaves out the maps, which are undefined and come first. */
type Parameters<T extends readonly unknown[]> = T extends readonly [undefined, ...infer Rest] ? Parameters<Rest> : T;

/**
 * Computes the next value of a chain and frees this one, which nothing else may read: a kernel's tidy would keep it to the
 * end.
 */
export function then<T extends tf.Tensor, R extends tf.Tensor>(value: T, next: (value: T) => R): R {
  const result = next(value);
  if ((result as tf.Tensor) !== value) value.dispose();
  return result;
}
