import * as z from 'zod';
import { ConfigError, unknownName } from '../errors.ts';
import { batchNorm, conv2d, module, type Scope, type Value } from '../nn/index.ts';
import type { ClassifierBackbone } from './backbone.ts';
import { type MacroStage, macroNetwork, type Step } from './macro_network.ts';
import { channelForm, channelMixer, channelMixers } from './mixers/channel.ts';
import { spatialForm, spatialMixer, spatialMixers } from './mixers/spatial.ts';
import {
  archRecord,
  archs,
  convPatchEmbed,
  type MogaNetArch,
  officialDefaults,
  stackConvPatchEmbed,
} from './moganet.ts';

/**
 * A network of the macro framework of the MogaNet article (arXiv 2211.03295) from parts by name: embedding stem, spatial mixer,
 * channel mixer. With those of MogaNet, which are the defaults, it is MogaNet, key by key.
 */

const namesOf = <K extends string>(table: Readonly<Record<K, unknown>>) => Object.keys(table) as K[];

/** The embedding of a stage; `first` reads the image. */
type Stem = (channels: number, first: boolean) => { readonly embed: Step; readonly stride: number };

const norm = { convNorm: 'BN' } as const;

const patch = module((scope: Scope, x: Value, channels: number, kernel: number, stride: number, padding: number) =>
  batchNorm(scope.at('norm'), conv2d(scope.at('projection'), x, channels, { kernel, stride, padding })),
);

const stems = {
  /** MogaNet's: two strided 3×3 on the image, one between stages. */
  conv: (channels, first) =>
    first
      ? { embed: (scope, x) => stackConvPatchEmbed(scope, x, norm, channels, 3), stride: 4 }
      : { embed: (scope, x) => convPatchEmbed(scope, x, norm, channels, 3), stride: 2 },
  /** Patches that touch: 4×4 on the image, 2×2 between stages (Swin, arXiv 2103.14030; ConvNeXt, 2201.03545). */
  patch: (channels, first) => {
    const side = first ? 4 : 2;
    return { embed: (scope, x) => patch(scope, x, channels, side, side, 0), stride: side };
  },
  /** Patches that overlap: 7×7 by 4 on the image, 3×3 by 2 between stages (PVT v2, arXiv 2106.13797). */
  overlap: (channels, first) => {
    const [kernel, stride] = first ? [7, 4] : [3, 2];
    return { embed: (scope, x) => patch(scope, x, channels, kernel, stride, kernel >> 1), stride };
  },
} as const satisfies Record<string, Stem>;

export const macroConfig = z.strictObject({
  type: z.literal('macro'),
  /** Channels, depths and ratios of the stages, or those of a MogaNet by its name. */
  arch: z.union([z.enum(namesOf(archs)), archRecord]),
  inChannels: z.int().positive().optional(),
  stem: z.enum(namesOf(stems)).optional(),
  /** A mixer by name, or its form. */
  spatial: z.union([z.enum(namesOf(spatialMixers)), spatialForm]).optional(),
  channel: z.union([z.enum(namesOf(channelMixers)), channelForm]).optional(),
});
/** The backbone in a configuration: stem, spatial mixer and channel mixer by name. */
export type MacroConfig = z.input<typeof macroConfig>;

/**
 * The macro framework of the MogaNet article: a stage embeds, then mixes among pixels and among channels in turn.
 *
 * @throws ConfigError where a name is unknown, lists of the arch differ in length, or channels do not divide into the orders of a
 *   multi-order context
 */
export function macro(config: MacroConfig): ClassifierBackbone {
  const { arch = 'xt', inChannels = 3, stem = 'conv', spatial = 'moga', channel = 'ca' } = config;
  const { dims, depths, ratios } = typeof arch === 'string' ? known('arch', archs, arch) : arch;
  const embedding: Stem = known('stem', stems, stem);
  const mixing = typeof spatial === 'string' ? known('spatial mixer', spatialMixers, spatial) : spatial;
  const feeding = typeof channel === 'string' ? known('channel mixer', channelMixers, channel) : channel;
  checkArch({ dims, depths, ratios }, mixing.context === 'multi_order');
  let stride = 1;
  const stages = dims.map((channels, i): MacroStage => {
    const { embed, stride: step } = embedding(channels, i === 0);
    stride *= step;
    return {
      channels,
      stride,
      depth: depths[i]!,
      embed,
      spatial: (scope, x) => spatialMixer(scope, x, mixing),
      channel: channelMixer(feeding, ratios[i]!),
    };
  });
  return macroNetwork({ imageChannels: inChannels, stages, norm: batchNorm, outputNorm: batchNorm });
}

function known<K extends string, V>(what: string, table: Readonly<Record<K, V>>, name: K): V {
  if (Object.hasOwn(table, name)) return table[name];
  throw new ConfigError(`macro: ${unknownName(what, name, Object.keys(table))}`);
}

function checkArch(
  { dims, depths, ratios }: Readonly<Record<keyof MogaNetArch, readonly number[]>>,
  multiOrder: boolean,
): void {
  for (const [name, list] of Object.entries({ depths, ratios })) {
    if (list.length !== dims.length) {
      throw new ConfigError(`macro: ${name} has ${list.length} entries, dims has ${dims.length}.`);
    }
  }
  const orders = officialDefaults.channelSplit;
  const parts = orders.reduce((sum, part) => sum + part, 0);
  const odd = multiOrder && dims.find((channels) => channels % parts !== 0);
  if (odd) throw new ConfigError(`macro: ${odd} channels do not divide into ${orders.join(' : ')} (${parts} parts).`);
}
