import * as z from 'zod';
import { F, module, type Scope, type Value } from '../../nn/index.ts';
import { contextAggregation, type Step } from '../macro_network.ts';
import { gateActivation, officialDefaults, projection, regionalityPerception } from '../moganet.ts';
import { contexts } from './contexts.ts';
import { squeezeExcite } from './squeeze_excite.ts';

/**
 * Spatial mixers of the MogaNet article, as data. Their general form is regionality perception and context aggregation,
 *
 *     Z = R(X),   SMixer(X) = P(act F(Z) ⊙ act G(Z)),
 *
 * with an aggregation branch F that weighs the context G, and an output projection P where there is one.
 */

/** R. */
const perceptions = {
  /** Z = X. */
  none: undefined,
  /** Z = SiLU(Conv1×1(X)). */
  projection: regionalityPerception(officialDefaults.activation, false),
  /** Z = SiLU(FD(Conv1×1(X))), FD(Y) = Y + σ (Y − GAP(Y)) (arXiv 2211.03295, eq. 4). */
  decomposition: regionalityPerception(officialDefaults.activation),
} as const satisfies Record<string, Step | undefined>;

/** F. */
const aggregations = {
  /** F(Z) = 1. */
  none: undefined,
  /** F(Z) = Conv1×1(Z), activated as the context is. */
  gate: projection('gate'),
  /** F(Z) = σ(Conv1×1(Z)): a gated linear unit (arXiv 1612.08083). */
  glu: (scope, z) => F.sigmoid(projection('gate')(scope, z)),
  /** F(Z) = σ(W₂ ReLU(W₁ GAP(Z))): a weight per channel (arXiv 1709.01507). */
  se: (scope, z) => squeezeExcite(scope.at('se'), z),
} as const satisfies Record<string, Step | undefined>;

const namesOf = <K extends string>(table: Readonly<Record<K, unknown>>) => Object.keys(table) as K[];

export const spatialForm = z.strictObject({
  perception: z.enum(namesOf(perceptions)).optional(),
  aggregation: z.enum(namesOf(aggregations)).optional(),
  context: z.enum(namesOf(contexts)),
  /** SiLU on the branches. */
  activated: z.boolean().optional(),
  /** P = Conv1×1. */
  projected: z.boolean().optional(),
  /** X is added, as the official code of MogaNet does beside the block's own shortcut: X is normed here. */
  shortcut: z.boolean().optional(),
});
/** What is in a spatial mixer, as fields that may be set one by one. */
export type SpatialForm = z.output<typeof spatialForm>;

/** What the steps of the article's ablation leave alone. */
const frame = { activated: true, projected: true, shortcut: true } as const;

/** The forms by name. What follows a mixer's name is SMixer(X), and φ is SiLU. */
export const spatialMixers = {
  /** Conv1×1(φ(Conv1×1(Z)) ⊙ φ(multiOrder(Z))) + X, Z = φ(FD(Conv1×1(X))): MogaNet's own. */
  moga: { perception: 'decomposition', aggregation: 'gate', context: 'multi_order', ...frame },
  /** Conv1×1(φ(Conv1×1(DW7×7(Z)))) + X, Z = φ(Conv1×1(X)): where the article's ablation begins. */
  dw7x7: { perception: 'projection', context: 'dw7x7', ...frame },
  /** Conv1×1(φ(multiOrder(Z))) + X, Z = φ(Conv1×1(X)): without gate and feature decomposition. */
  multi_order: { perception: 'projection', context: 'multi_order', ...frame },
  /** Conv1×1(softmax(QKᵀ / √d) V), Q, K, V = Conv1×1(X). */
  self_attention: { context: 'self_attention', projected: true },
  /** Conv1×1(φ'(Q)(φ'(K)ᵀV) / (φ'(Q) Σφ'(K))), Q, K, V = Conv1×1(X), φ' = elu + 1. */
  linear_attention: { context: 'linear_attention', projected: true },
  /** Conv1×1(σ(Conv1×1(X)) ⊙ Conv1×1(DW7×7(X))). */
  glu: { aggregation: 'glu', context: 'dw7x7', projected: true },
  /** Conv1×1(σ(W₂ ReLU(W₁ GAP(X))) ⊙ Conv1×1(DW7×7(X))). */
  se: { aggregation: 'se', context: 'dw7x7', projected: true },
  /** AvgPool3×3(X) − X. */
  pooling: { context: 'pooling' },
  /** A twelfth of the channels of X moved to each of four sides. */
  shift: { context: 'shift' },
  /** up(W₂ GELU(W₁ pool₇ₓ₇(X))), over positions. */
  spatial_mlp: { context: 'spatial_mlp' },
} as const satisfies Record<string, SpatialForm>;

export type SpatialMixer = keyof typeof spatialMixers;

export const spatialMixer = module((scope: Scope, x: Value, form: SpatialForm) => {
  const { perception = 'none', aggregation = 'none', context, activated, projected, shortcut } = form;
  const y = contextAggregation(scope, x, {
    perceive: perceptions[perception],
    aggregate: aggregations[aggregation],
    context: (at, z) => contexts[context](at.at('value'), z),
    activations: activated ? [gateActivation(officialDefaults.activation)] : [],
    project: projected ? projection('proj_2') : undefined,
  });
  return shortcut ? F.add(y, x) : y;
});
