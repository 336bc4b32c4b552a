import * as z from 'zod/mini';
import { itemAt } from '../src/arrays.ts';
import type { Stage } from '../src/backbones/backbone.ts';
import { ConfigError } from '../src/errors.ts';
import { batchNorm, conv2d, convTranspose2d, module, relu, type Scope, type Value } from '../src/nn/index.ts';
import type { PoseHead } from './head.ts';

/**
 * The head of Simple Baselines (arXiv 1804.06208), mmpose's TopdownHeatmapSimpleHead (0.x) and HeatmapHead (1.x): transposed
 * convolutions that double one stage's map, plain ones in a few models, then a map for each keypoint. The plain ones have the keys of
 * 1.x; 0.x has them in one sequence with the last one.
 */

/** The side of a window around a cell: of a kernel that keeps the map's size, or of one that blurs. */
export const oddSide = z.int().check(
  z.positive(),
  z.refine((side) => side % 2 === 1, { error: 'must be odd' }),
);

/** More than any head has. A file cannot order a network that takes minutes to record. */
const most = z.maxLength(32, { error: 'must be at most 32' });

export const heatmapConfig = z.strictObject({
  type: z.literal('heatmap_head'),
  /** The channels of each transposed convolution. Without any, the head reads the stage itself. */
  channels: z._default(z.array(z.int().check(z.positive())).check(most), [256, 256, 256]),
  /** The kernel of each transposed convolution. By default 4. */
  kernels: z.optional(z.array(z.union([z.literal(4), z.literal(3), z.literal(2)]))),
  /** Index of the pyramid level that it reads, 0 for the finest. By default the coarsest. */
  level: z.optional(z.int().check(z.nonnegative())),
  /** Convolutions after them, each with a BatchNorm and a ReLU. By default none. */
  convs: z.optional(z.array(z.strictObject({ channels: z.int().check(z.positive()), kernel: oddSide })).check(most)),
  /** The kernel of the last convolution. With 0 there is none: the layer before it gives the heatmaps. */
  finalKernel: z._default(z.union([z.literal(0), oddSide]), 1),
});
export type HeatmapConfig = z.output<typeof heatmapConfig>;

/** The padding of each kernel. With it, a stride of 2 doubles the map exactly. */
const paddings = {
  4: { padding: 1, outputPadding: 0 },
  3: { padding: 1, outputPadding: 1 },
  2: { padding: 0, outputPadding: 0 },
} as const;

/**
 * Makes the head.
 *
 * @param maps the number of heatmaps, mostly one per keypoint
 * @throws ConfigError if there is no such level, not a kernel for each transposed convolution, or no last convolution and the layer
 *   before it gives another number of maps
 */
export function heatmapHead(
  { channels, kernels = channels.map(() => 4 as const), level, convs = [], finalKernel }: HeatmapConfig,
  maps: number,
  stages: readonly Stage[],
): PoseHead {
  const at = level ?? stages.length - 1;
  if (at >= stages.length) {
    throw new ConfigError(`heatmap head: level ${at} is not one of the ${stages.length} levels that it reads.`);
  }
  if (kernels.length !== channels.length) {
    throw new ConfigError(
      `heatmap head: has ${kernels.length} kernels for ${channels.length} transposed convolutions.`,
    );
  }
  const last = convs.at(-1)?.channels ?? channels.at(-1) ?? itemAt(stages, at).channels;
  if (finalKernel === 0 && last !== maps) {
    throw new ConfigError(
      `heatmap head: without a last convolution (finalKernel 0) the layer before it gives ${last} maps, and ${maps} are needed.`,
    );
  }
  return {
    forward: module((scope: Scope, pyramid: readonly Value[]): Value => {
      const layers = scope.at('deconv_layers'); // a sequence of three modules for each step
      let x = itemAt(pyramid, at);
      for (const [i, count] of channels.entries()) {
        const kernel = itemAt(kernels, i);
        const options = { kernel, stride: 2, ...paddings[kernel], bias: false };
        x = convTranspose2d(layers.at(3 * i), x, count, options);
        x = relu(layers.at(3 * i + 2), batchNorm(layers.at(3 * i + 1), x));
      }
      const plain = scope.at('conv_layers'); // likewise
      for (const [i, { channels: count, kernel }] of convs.entries()) {
        x = conv2d(plain.at(3 * i), x, count, { kernel });
        x = relu(plain.at(3 * i + 2), batchNorm(plain.at(3 * i + 1), x));
      }
      return finalKernel === 0 ? x : conv2d(scope.at('final_layer'), x, maps, { kernel: finalKernel });
    }),
  };
}
