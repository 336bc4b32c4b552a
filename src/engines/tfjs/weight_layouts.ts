import { type NDArray, type Shape, sizeOf } from '../../arrays.ts';
import type { Attributes } from '../../nn/ops.ts';
import { biasRows } from '../shape_dependent.ts';
import type { Layouts } from './kernel.ts';

/** How the kernels want the parameters of each operation. Laid out once, on the host, before upload. */
export const layouts: Layouts = {
  conv2d: ({ groups }, [weight, bias], inChannels) => {
    const last = bias ? [bias] : [];
    if (groups === 1) return [permute(weight, [2, 3, 1, 0]), ...last]; // O I h w → h w I O
    const [out, perGroup, height, width] = fourOf(weight.shape);
    if (groups === inChannels) {
      const multiplier = out / groups; // C·m 1 h w → h w C m
      return [permute(reshape(weight, [groups, multiplier, height, width]), [2, 3, 0, 1]), ...last];
    }
    const length = weight.data.length / groups;
    const filterOf = (group: number): NDArray => {
      const data = weight.data.subarray(group * length, (group + 1) * length);
      return permute({ shape: [out / groups, perGroup, height, width], data }, [2, 3, 1, 0]);
    };
    const others = Array.from({ length: groups - 1 }, (_, i) => filterOf(i + 1));
    return [filterOf(0), ...others, ...last];
  },
  convTranspose2d: (attributes, [weight, bias]) => {
    const taps = tapsOf(attributes);
    const filter = taps ? tileFilter(weight, attributes.stride.height, taps) : permute(weight, [2, 3, 1, 0]); // I O h w → h w O I
    return bias ? [filter, bias] : [filter];
  },
  // PyTorch flattens a map in C·H·W order, its tensor here is in H·W·C order: O C·HW → HW·C O
  linear: ({ inFeatures }, [weight, bias], inChannels) => {
    const out = bias.data.length;
    const split = reshape(weight, [out, inChannels, inFeatures / inChannels]);
    return [reshape(permute(split, [2, 1, 0]), [inFeatures, out]), bias];
  },
  // transposed on the host, since the wasm backend (4.22) adds the bias to the first row only if it transposes the matrix
  mixPositions: (_, [weight, bias]) => [permute(weight, [1, 0]), bias],
  // (x − μ) / √(σ² + ε) · γ + β is one product and one sum
  batchNorm: ({ eps }, [{ shape, data: gamma }, { data: beta }, { data: mean }, { data: variance }]) => {
    const factor = new Float32Array(gamma.length);
    const shift = new Float32Array(gamma.length);
    for (let c = 0; c < gamma.length; c++) {
      const exact = gamma[c]! / Math.sqrt(variance[c]! + eps);
      factor[c] = exact;
      shift[c] = beta[c]! - mean[c]! * exact;
    }
    return [
      { shape, data: factor },
      { shape, data: shift },
    ];
  },
  scale: (_, [factor]) => [reshape(factor, [factor.data.length])],
  // the bias table as heads × positions × positions, and the projection's bias (zeros without one) as a pixel
  windowAttention: ({ heads, window }, [table, bias], inChannels) => {
    const rows = biasRows(window);
    const data = new Float32Array(heads * rows.length);
    for (let head = 0; head < heads; head++) {
      for (const [pair, row] of rows.entries()) data[head * rows.length + pair] = table.data[row * heads + head]!;
    }
    const pixel: NDArray = { shape: [1, 1, 1, inChannels], data: bias?.data ?? new Float32Array(inChannels) };
    return [{ shape: [heads, window ** 2, window ** 2], data }, pixel];
  },
  circularConv2d: (_, [weight]) => [positionsFirst(weight)], // C 1 n 1 or C 1 1 n → n C
  addAlongAxis: (_, [parameter]) => [positionsFirst(parameter)], // 1 C n 1 or 1 C 1 n → n C
};

/**
 * Tells whether a transposed convolution is a convolution whose channels are the pixels of tiles: each tile of stride × stride pixels sees
 * the same few pixels of the input. Backends compute convolutions many times faster.
 *
 * @returns the pixels along an axis that a tile sees, undefined if it is computed in another way
 */
export function tapsOf({ kernel, stride, padding, outputPadding }: Attributes['convTranspose2d']): number | undefined {
  const step = stride.height;
  const taps = Math.ceil(kernel.height / step);
  const square = kernel.height === kernel.width && step === stride.width && step > 1;
  // pixels that no tile reaches are those of the output padding beyond the last one
  const covers = (axis: 'height' | 'width') => kernel[axis] + outputPadding[axis] - padding[axis] <= taps * step;
  return square && covers('height') && covers('width') ? taps : undefined;
}

/** I O h w → taps taps I pixels·O: the pixels of a tile row by row, and the taps of each from the last to the first. */
function tileFilter({ shape, data }: NDArray, step: number, taps: number): NDArray {
  const [inputs, outputs, height, width] = fourOf(shape);
  const out = new Float32Array(taps * taps * inputs * step * step * outputs);
  let from = 0;
  for (let i = 0; i < inputs; i++) {
    for (let o = 0; o < outputs; o++) {
      for (let y = 0; y < height; y++) {
        const [row, top] = [taps - 1 - Math.floor(y / step), y % step];
        for (let x = 0; x < width; x++) {
          const [column, left] = [taps - 1 - Math.floor(x / step), x % step];
          const at = ((row * taps + column) * inputs + i) * step * step + top * step + left;
          out[at * outputs + o] = data[from++]!;
        }
      }
    }
  }
  return { shape: [taps, taps, inputs, step * step * outputs], data: out };
}

function positionsFirst({ shape, data }: NDArray): NDArray {
  const [first, second] = fourOf(shape);
  const channels = Math.max(first, second);
  return permute({ shape: [channels, data.length / channels], data }, [1, 0]);
}

const fourOf = (shape: Shape) => shape as readonly [number, number, number, number]; // the graph says so

const reshape = ({ data }: NDArray, shape: Shape): NDArray => ({ shape, data });

/** Reorders axes: axis `i` of the result is axis `order[i]` of the array. */
export function permute({ shape, data }: NDArray, order: readonly number[]): NDArray {
  const axes = order.map((axis) => ({ extent: shape[axis] ?? 1, stride: sizeOf(shape.slice(axis + 1)) }));
  const out = new Float32Array(data.length);
  let at = 0;
  const fill = (depth: number, from: number): void => {
    const { extent, stride } = axes[depth]!;
    if (depth === axes.length - 1) for (let i = 0; i < extent; i++) out[at++] = data[from + i * stride]!;
    else for (let i = 0; i < extent; i++) fill(depth + 1, from + i * stride);
  };
  if (data.length > 0) fill(0, 0);
  return { shape: axes.map(({ extent }) => extent), data: out };
}
