import { F, linear, module, type Scope, type Value } from '../nn/index.ts';
import type { ClassifierBackbone } from './backbone.ts';

/**
 * The macro framework of the MogaNet article (arXiv 2211.03295, section 4.1; MetaFormer, 2111.11418): every stage is an
 * embedding stem and residual blocks of two mixers,
 *
 *     Y = X + γ₁ · SMixer(Norm(X)),   Z = Y + γ₂ · CMixer(Norm(Y)),
 *
 * all of them exchangeable. Module names are those of the official models/moganet.py.
 */

/** A part of a network: from a map to a map, with its parameters under the scope. */
export type Step = (scope: Scope, x: Value) => Value;

export interface MacroStage {
  readonly channels: number;
  /** Image pixels to one of the stage's maps. */
  readonly stride: number;
  readonly depth: number;
  readonly embed: Step;
  readonly spatial: Step;
  readonly channel: Step;
}

export interface MacroParts {
  readonly imageChannels: number;
  readonly stages: readonly MacroStage[];
  /** Before every mixer. */
  readonly norm: Step;
  /** Of a stage's output, which is both the pyramid's level and the next stage's input. */
  readonly outputNorm: Step;
}

const block = module((scope: Scope, x: Value, norm: Step, { spatial, channel }: MacroStage) => {
  const layerScale = (name: string, y: Value) => F.scale(y, scope.parameter(name, [1, x.channels, 1, 1]));
  const y = F.add(x, layerScale('layer_scale_1', spatial(scope.at('attn'), norm(scope.at('norm1'), x))));
  return F.add(y, layerScale('layer_scale_2', channel(scope.at('mlp'), norm(scope.at('norm2'), y))));
});

export function macroNetwork({ imageChannels, stages, norm, outputNorm }: MacroParts): ClassifierBackbone {
  const forward = (scope: Scope, image: Value): Value[] => {
    let x = image;
    return stages.map((stage, i) => {
      x = stage.embed(scope.at(`patch_embed${i + 1}`), x);
      for (let j = 0; j < stage.depth; j++) x = block(scope.at(`blocks${i + 1}`).at(j), x, norm, stage);
      x = outputNorm(scope.at(`norm${i + 1}`), x);
      return x;
    });
  };
  return {
    stages: stages.map(({ channels, stride }) => ({ channels, stride })),
    imageChannels,
    forward,
    classify: (scope, image, classes) => {
      const pyramid = forward(scope, image);
      return { pyramid, logits: linear(scope.at('head'), F.globalAvgPool(pyramid.at(-1)!), classes) };
    },
  };
}

/** The article's general form of a spatial mixer; every step works under the mixer's scope. */
export interface SpatialSteps {
  /** Regionality perception: Z from X, where it is not X itself. */
  readonly perceive?: Step | undefined;
  /** The aggregation branch F, which weighs the context; without it nothing is weighed. */
  readonly aggregate?: Step | undefined;
  /** The context branch G. */
  readonly context: Step;
  /** On either branch, one after the other. */
  readonly activations?: readonly Step[] | undefined;
  /** The output projection P. */
  readonly project?: Step | undefined;
}

/** Context aggregation: P(F(Z) ⊙ G(Z)), with Z from the regionality perception. F may be a weight per channel and image. */
export function contextAggregation(scope: Scope, x: Value, steps: SpatialSteps): Value {
  const { perceive, aggregate, context, activations = [], project } = steps;
  const z = perceive ? perceive(scope, x) : x;
  const branches = [...(aggregate ? [aggregate(scope, z)] : []), context(scope, z)];
  const y = activations
    .reduce((values, activate) => values.map((value) => activate(scope, value)), branches)
    .reduce((f, g) => F.mul(f, g));
  return project ? project(scope, y) : y;
}
