import { type NDArray, sizeOf } from '../../arrays.ts';
import type { Attributes, Op } from '../../nn/ops.ts';
import { windowAttentionLayout } from './window_attention.ts';

/**
 * How the kernels of `kernels.ts` want the parameters of each operation. Laid out once, on the host, before upload: the
 * maps inside are N×H×W×C.
 */

/** An operation's parameters in the order of its inputs, in PyTorch's shapes, to what its kernel takes. */
export type Layout<K extends Op> = (
  attributes: Attributes[K],
  parameters: readonly NDArray[],
  inChannels: number,
) => readonly NDArray[];

export const layouts: { readonly [K in Op]?: Layout<K> } = {
  conv2d: ({ groups }, [weight, ...bias], inChannels) => {
    if (groups === 1) return [permute(weight!, [2, 3, 1, 0]), ...bias]; // O I h w → h w I O
    const [out, perGroup, height, width] = weight!.shape as [number, number, number, number];
    if (groups === inChannels) {
      const multiplier = out / groups; // C·m 1 h w → h w C m
      return [permute(reshape(weight!, [groups, multiplier, height, width]), [2, 3, 0, 1]), ...bias];
    }
    const length = weight!.data.length / groups;
    const ofGroup = (group: number): NDArray => ({
      shape: [out / groups, perGroup, height, width],
      data: weight!.data.subarray(group * length, (group + 1) * length),
    });
    return [...Array.from({ length: groups }, (_, group) => permute(ofGroup(group), [2, 3, 1, 0])), ...bias];
  },
  convTranspose2d: (attributes, [weight, ...bias]) => {
    if (!isTiling(attributes)) return [permute(weight!, [2, 3, 1, 0]), ...bias]; // I O h w → h w O I
    const [inputs, outputs, height, width] = weight!.shape as [number, number, number, number];
    return [reshape(permute(weight!, [0, 2, 3, 1]), [1, 1, inputs, height * width * outputs]), ...bias];
  },
  // the features are in C·H·W order there, in H·W·C order here: O C·HW → HW·C O
  linear: ({ inFeatures }, [weight, ...bias], inChannels) => {
    const [out] = weight!.shape as [number, number];
    const split = reshape(weight!, [out, inChannels, inFeatures / inChannels]);
    return [reshape(permute(split, [2, 1, 0]), [inFeatures, out]), ...bias];
  },
  // turned here, since the wasm backend (4.22) adds the bias to the first row only where it turns the matrix itself
  mixPositions: (_, [weight, ...bias]) => [permute(weight!, [1, 0]), ...bias],
  // (x − μ) / √(σ² + ε) · γ + β is one product and one sum
  batchNorm: ({ eps }, [gamma, beta, mean, variance]) => {
    const { shape, data } = gamma!;
    const factor = new Float32Array(data.length);
    const shift = new Float32Array(data.length);
    for (let c = 0; c < data.length; c++) {
      const exact = data[c]! / Math.sqrt(variance!.data[c]! + eps);
      factor[c] = exact;
      shift[c] = beta!.data[c]! - mean!.data[c]! * exact;
    }
    return [
      { shape, data: factor },
      { shape, data: shift },
    ];
  },
  scale: (_, [factor]) => [reshape(factor!, [factor!.data.length])],
  windowAttention: windowAttentionLayout,
  circularConv2d: (_, [weight]) => [placesFirst(weight!)], // C 1 n 1 or C 1 1 n → n C
  addAlongAxis: (_, [parameter]) => [placesFirst(parameter!)],
};

/** A transposed convolution whose windows lie side by side: every input pixel becomes a tile of its own. */
export function isTiling({ kernel, stride, padding }: Attributes['convTranspose2d']): boolean {
  const { height, width } = kernel;
  const square = height > 1 && height === width && stride.height === height && stride.width === width;
  return square && padding.height === 0 && padding.width === 0;
}

/** A vector along an axis for every channel. */
const placesFirst = ({ shape, data }: NDArray): NDArray => {
  const channels = Math.max(shape[0]!, shape[1]!);
  return permute({ shape: [channels, data.length / channels], data }, [1, 0]);
};

const reshape = ({ data }: NDArray, shape: readonly number[]): NDArray => ({ shape, data });

/** Axis `i` of the result is axis `order[i]` of the array. */
export function permute({ shape, data }: NDArray, order: readonly number[]): NDArray {
  const strides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const outShape = order.map((axis) => shape[axis]!);
  const outStrides = order.map((axis) => strides[axis]!);
  const out = new Float32Array(data.length);
  const last = outShape.length - 1;
  let at = 0;
  const fill = (axis: number, from: number): void => {
    const extent = outShape[axis]!;
    const stride = outStrides[axis]!;
    if (axis === last) for (let i = 0; i < extent; i++) out[at++] = data[from + i * stride]!;
    else for (let i = 0; i < extent; i++) fill(axis + 1, from + i * stride);
  };
  if (data.length > 0) fill(0, 0);
  return { shape: outShape, data: out };
}
