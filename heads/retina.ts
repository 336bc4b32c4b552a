import * as z from 'zod/mini';
import { conv2d, module, type Scope, type Value } from '../src/nn/index.ts';
import { convModule } from './head.ts';
import { anchorConfig, deltaConfig, type LevelOutputs } from './rpn.ts';

/** The head of RetinaNet (arXiv 1708.02002), mmdet's RetinaHead: two stacks of convolutions, the same on every level. */
export const retinaConfig = z.strictObject({
  /** Convolutions before the last one, in each stack. */
  convs: z._default(z.int().check(z.nonnegative()), 4),
  channels: z.int().check(z.positive()),
  anchors: anchorConfig,
  deltas: z.prefault(deltaConfig, {}),
});
export type RetinaConfig = z.output<typeof retinaConfig>;

/**
 * Records the head on every level of the neck, with A anchors per position.
 *
 * @returns per level the logits (A · classes channels, the class running fastest) and deltas (4A channels, four per anchor)
 */
export const retinaHead = module(
  (scope: Scope, levels: readonly Value[], config: RetinaConfig, classes: number): LevelOutputs[] => {
    const anchors = config.anchors.scales.length * config.anchors.ratios.length;
    const stack = (name: string, level: Value): Value => {
      let x = level;
      for (let i = 0; i < config.convs; i++) {
        x = convModule(scope.at(name).at(i), x, config.channels, { kernel: 3, norm: false });
      }
      return x;
    };
    return levels.map((level) => ({
      scores: conv2d(scope.at('retina_cls'), stack('cls_convs', level), anchors * classes, { kernel: 3 }),
      deltas: conv2d(scope.at('retina_reg'), stack('reg_convs', level), 4 * anchors, { kernel: 3 }),
    }));
  },
);
