import * as z from 'zod';
import type { Stage } from '../src/backbones/backbone.ts';
import { ConfigError } from '../src/errors.ts';
import { conv2d, F, module, type Scope, type Value } from '../src/nn/index.ts';
import type { Neck } from './head.ts';

/** Feature pyramid network (arXiv 1612.03144), with the levels and keys of mmdet's FPN. */
export const fpnConfig = z.strictObject({
  type: z.literal('fpn'),
  channels: z.int().positive(),
  /** Levels given; more than the backbone has come from strided steps at the coarse end. */
  outs: z.int().positive(),
  /** The first backbone level used. */
  startLevel: z.int().nonnegative().default(0),
  /** What the first extra level is convolved from; without it extra levels are every second pixel of the one before. */
  extraConvs: z.enum(['on_input', 'on_lateral', 'on_output']).optional(),
  reluBeforeExtraConvs: z.boolean().default(false),
});
export type FpnConfig = z.output<typeof fpnConfig>;

/** @throws ConfigError where fewer levels are asked for than the backbone gives */
export function fpn(config: FpnConfig, stages: readonly Stage[]): Neck {
  const { channels, outs, startLevel, extraConvs } = config;
  const used = stages.slice(startLevel);
  const extra = outs - used.length;
  if (used.length === 0 || extra < 0) {
    throw new ConfigError(
      `FPN: outs ${outs} with startLevel ${startLevel} does not fit a backbone of ${stages.length} stages.`,
    );
  }
  const levels = Array.from({ length: outs }, (_, i) => ({
    channels,
    stride: used[i]?.stride ?? used.at(-1)!.stride * 2 ** (i - used.length + 1),
  }));

  const forward = module((scope: Scope, pyramid: readonly Value[]): Value[] => {
    const convolve = (list: string, i: number, x: Value, options: { kernel: number; stride?: number }) =>
      conv2d(scope.at(list).at(i).at('conv'), x, channels, options);
    const laterals = pyramid.slice(startLevel).map((x, i) => convolve('lateral_convs', i, x, { kernel: 1 }));
    for (let i = laterals.length - 1; i > 0; i--) {
      const up = F.resize(laterals[i]!, { like: laterals[i - 1]! }, { mode: 'nearest' });
      laterals[i - 1] = F.add(laterals[i - 1]!, up);
    }
    const levels = laterals.map((x, i) => convolve('fpn_convs', i, x, { kernel: 3 }));
    const source = { on_input: pyramid.at(-1)!, on_lateral: laterals.at(-1)!, on_output: levels.at(-1)! };
    for (let i = 0; i < extra; i++) {
      const last = levels.at(-1)!;
      if (!extraConvs) {
        levels.push(F.maxPool(last, { kernel: 1, stride: 2 }));
      } else {
        const from = i === 0 ? source[extraConvs] : config.reluBeforeExtraConvs ? F.relu(last) : last;
        levels.push(convolve('fpn_convs', used.length + i, from, { kernel: 3, stride: 2 }));
      }
    }
    return levels;
  });
  return { stages: levels, forward };
}
