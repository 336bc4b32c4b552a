import { conv2d, F, gelu, mixPositions, module, type Scope, type Value } from '../../nn/index.ts';
import type { Step } from '../macro_network.ts';
import { multiOrderDWConv, officialDefaults } from '../moganet.ts';

/** Context branches G(Z): how a pixel learns of the others. They serve maps of every size. */

/** G(Z) = Conv1×1(DW7×7(Z)): one order of interaction (the large kernel of ConvNeXt, arXiv 2201.03545). */
const depthwise7x7 = module((scope: Scope, z: Value) => {
  const y = conv2d(scope.at('DW_conv'), z, z.channels, { kernel: 7, groups: z.channels });
  return conv2d(scope.at('PW_conv'), y, z.channels, { kernel: 1 });
});

const channelsOfAHead = 32;

/** Heads of at least 32 channels, as many as divide the map's. */
export function headsOf(channels: number): number {
  let heads = Math.max(1, Math.floor(channels / channelsOfAHead));
  while (channels % heads !== 0) heads--;
  return heads;
}

const queriesKeysValues = (scope: Scope, z: Value): Value => conv2d(scope.at('qkv'), z, 3 * z.channels, { kernel: 1 });

/**
 * G(Z) = softmax(QKᵀ / √d) V, with Q, K, V = Conv1×1(Z), among all pixels (arXiv 2010.11929). Nothing in it knows places, and
 * its scores are the square of the pixels: for maps of a few thousand at most.
 */
const selfAttention = module((scope: Scope, z: Value) => F.attention(queriesKeysValues(scope, z), headsOf(z.channels)));

/** G(Z) = φ(Q)(φ(K)ᵀV) / (φ(Q) Σφ(K)) with φ = elu + 1, among all pixels, at a price linear in them (arXiv 2006.16236). */
const linearAttention = module((scope: Scope, z: Value) =>
  F.linearAttention(queriesKeysValues(scope, z), headsOf(z.channels)),
);

/** G(Z) = AvgPool3×3(Z) − Z, padding not counted: no parameters (PoolFormer, arXiv 2111.11418). */
const pooling: Step = (_, z) => F.sub(F.avgPool(z, { kernel: 3, stride: 1, padding: 1 }), z);

const shiftedShare = 12;
const directions = [{ columns: -1 }, { columns: 1 }, { rows: -1 }, { rows: 1 }] as const;

/** G(Z): a twelfth of the channels moved by one pixel to each of four sides, the rest left: no parameters (arXiv 2201.10801). */
const shift: Step = (_, z) => {
  const count = Math.max(1, Math.floor(z.channels / shiftedShare));
  const moved = directions.map((by, i) => F.shift(F.slice(z, i * count, (i + 1) * count), by));
  const rest = z.channels - moved.length * count;
  return F.concat(rest > 0 ? [...moved, F.slice(z, moved.length * count)] : moved);
};

/** Side of the grid that the spatial MLP works on. */
const grid = 7;

/**
 * G(Z) = up(W₂ GELU(W₁ pool(Z))): MLP-Mixer's layers over positions (arXiv 2105.01601), the same for every channel. They have a
 * weight per pair of positions, so a map of any size is first pooled to 7×7, as PVT v2 does before attention (arXiv 2106.13797),
 * and what they give is resized back. Twice the positions inside.
 */
const spatialMLP = module((scope: Scope, z: Value) => {
  const hidden = { height: 2 * grid, width: grid };
  const pooled = F.adaptiveAvgPool(z, grid);
  const y = gelu(scope.at('act'), mixPositions(scope.at('fc1'), pooled, grid, hidden));
  return F.resize(mixPositions(scope.at('fc2'), y, hidden, grid), { like: z });
});

export const contexts = {
  dw7x7: depthwise7x7,
  /** MogaNet's three orders (arXiv 2211.03295, eq. 5). */
  multi_order: (scope: Scope, z: Value) =>
    multiOrderDWConv(scope, z, { channelSplit: [...officialDefaults.channelSplit] }, officialDefaults.dilations),
  self_attention: selfAttention,
  linear_attention: linearAttention,
  pooling,
  shift,
  spatial_mlp: spatialMLP,
} as const satisfies Record<string, Step>;
