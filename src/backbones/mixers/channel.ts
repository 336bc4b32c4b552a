import * as z from 'zod';
import { F } from '../../nn/index.ts';
import type { Step } from '../macro_network.ts';
import { channelAggregation, channelFFN } from '../moganet.ts';
import { squeezeExcite } from './squeeze_excite.ts';

/**
 * Channel mixers of the MogaNet article, as data. Their general form is an inverted bottleneck whose hidden channels are
 * weighed,
 *
 *     CMixer(X) = Conv1×1(A(GELU(DW3×3(Conv1×1(X))))),
 *
 * with r times the channels inside.
 */

/** A: how the hidden channels Y are weighed. */
const weighings = {
  /** A(Y) = Y. */
  none: undefined,
  /** A(Y) = σ(W₂ ReLU(W₁ GAP(Y))) ⊙ Y: by their means (arXiv 1709.01507). */
  se: (scope, y) => F.mul(squeezeExcite(scope.at('se'), y), y),
  /** A(Y) = Y + σ (Y − GELU(Conv1×1(Y))): by one map that they have in common (arXiv 2211.03295, eq. 7). */
  ca: channelAggregation,
} as const satisfies Record<string, Step | undefined>;

const weighingNames = Object.keys(weighings) as (keyof typeof weighings)[];

export const channelForm = z.strictObject({
  /** Without the depthwise 3×3 it is the MLP of transformers. */
  depthwise: z.boolean().optional(),
  weighing: z.enum(weighingNames).optional(),
});
/** What is in a channel mixer, as fields that may be set one by one. */
export type ChannelForm = z.output<typeof channelForm>;

/** The forms by name. As everywhere in MogaNet, the MLP that the others are compared with has the depthwise 3×3. */
export const channelMixers = {
  /** Conv1×1(GELU(DW3×3(Conv1×1(X)))). */
  mlp: { weighing: 'none' },
  /** The same, with squeeze and excitation on the hidden channels. */
  mlp_se: { weighing: 'se' },
  /** MogaNet's channel aggregation. */
  ca: { weighing: 'ca' },
} as const satisfies Record<string, ChannelForm>;

export type ChannelMixer = keyof typeof channelMixers;

/** @param ratio hidden channels as a multiple of the map's */
export function channelMixer({ depthwise = true, weighing = 'none' }: ChannelForm, ratio: number): Step {
  return (scope, x) => channelFFN(scope, x, ratio, { depthwise, weigh: weighings[weighing] });
}
