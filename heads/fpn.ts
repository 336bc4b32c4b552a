import * as z from 'zod/mini';
import { itemAt } from '../src/arrays.ts';
import type { Stage } from '../src/backbones/backbone.ts';
import { ConfigError } from '../src/errors.ts';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';
import { type Neck, topDown } from './head.ts';

/** The feature pyramid network (arXiv 1612.03144), with the levels and keys of mmdet's FPN. */
export const fpnConfig = z.strictObject({
  type: z.literal('fpn'),
  channels: z.int().check(z.positive()),
  /** Number of levels that it returns. Levels beyond those of the backbone come from strided steps at the coarse end. */
  outs: z.int().check(z.positive()),
  /** Index of the first backbone level that it uses. */
  startLevel: z._default(z.int().check(z.nonnegative()), 0),
  /** Convolves the first extra level from this map. By default extra levels are every second pixel of the level before. */
  extraConvs: z.optional(z.enum(['on_input', 'on_lateral', 'on_output'])),
  /** Puts a ReLU before the convolutions of all further extra levels. */
  reluBeforeExtraConvs: z._default(z.boolean(), false),
});
export type FpnConfig = z.output<typeof fpnConfig>;

/** Each level is half as wide as the one before: beyond these, one pixel would stand for 2^16 of them. */
const mostLevels = 16;

/** Makes the neck. @throws ConfigError if `outs` is less than the number of backbone levels that it uses, or more than 16 */
export function fpn(config: FpnConfig, stages: readonly Stage[]): Neck {
  const { channels, outs, startLevel, extraConvs } = config;
  const used = stages.slice(startLevel);
  const coarsest = used.at(-1);
  const extra = outs - used.length;
  if (!coarsest || extra < 0) {
    throw new ConfigError(
      `FPN: outs ${outs} with startLevel ${startLevel} does not fit a backbone of ${stages.length} stages.`,
    );
  }
  if (outs > mostLevels) throw new ConfigError(`FPN: outs: at most ${mostLevels} levels are possible, got ${outs}.`);
  const strides = Array.from(
    { length: outs },
    (_, i) => used[i]?.stride ?? coarsest.stride * 2 ** (i - used.length + 1),
  );

  const forward = module((scope: Scope, pyramid: readonly Value[]): Value[] => {
    const convolve = (list: string, i: number, x: Value, options: { kernel: number; stride?: number }) =>
      conv2d(scope.at(list).at(i).at('conv'), x, channels, options);
    const laterals = pyramid.slice(startLevel).map((x, i) => convolve('lateral_convs', i, x, { kernel: 1 }));
    const sums = topDown(laterals, (x, like) => F.resize(x, { like }, { mode: 'nearest' }));
    const levels = sums.map((x, i) => convolve('fpn_convs', i, x, { kernel: 3 }));
    const sources = { on_input: pyramid, on_lateral: sums, on_output: levels };
    for (let i = 0; i < extra; i++) {
      const last = itemAt(levels, -1);
      if (!extraConvs) {
        levels.push(F.maxPool(last, { kernel: 1, stride: 2 }));
      } else {
        const further = config.reluBeforeExtraConvs && i > 0 ? F.relu(last) : last;
        const from = i === 0 ? itemAt(sources[extraConvs], -1) : further;
        levels.push(convolve('fpn_convs', used.length + i, from, { kernel: 3, stride: 2 }));
      }
    }
    return levels;
  });
  return { stages: strides.map((stride) => ({ channels, stride })), forward };
}
