import type { Family, KeyLayout } from './backbone.ts';
import { convNextFamily } from './convnext.ts';
import { macroFamily } from './macro.ts';
import { mogaNetFamily } from './moganet.ts';
import { parCNetFamily } from './parcnet.ts';
import { resNetFamily } from './resnet.ts';
import { swinFamily } from './swin.ts';

export type { Backbone, ClassifierBackbone, Family, KeyLayout, Stage } from './backbone.ts';
export { archs as convNextArchs, type ConvNextArch, type ConvNextConfig, convnext } from './convnext.ts';
export { type ChannelForm, channelMixers, type MacroConfig, macro, type SpatialForm, spatialMixers } from './macro.ts';
export { archs as mogaNetArchs, type MogaNetArch, type MogaNetConfig, moganet } from './moganet.ts';
export { archs as parCNetArchs, type ParCNetArch, type ParCNetConfig, parcnet } from './parcnet.ts';
export { type ResNetConfig, resnet } from './resnet.ts';
export { archs as swinArchs, type SwinArch, type SwinConfig, swin } from './swin.ts';

// A backbone is added by its line in this table.
const table = {
  moganet: mogaNetFamily,
  convnext: convNextFamily,
  swin: swinFamily,
  parcnet: parCNetFamily,
  resnet: resNetFamily,
  macro: macroFamily,
} as const;

/** What the table of backbones holds. */
export type Families = typeof table;
/** The table of backbones, by their `type` in a configuration. Everything else about them is read from it. */
export const families: Families = table;

type Column<F extends keyof Family> = { readonly [K in keyof Families]: Families[K][F] };

/** Returns one field of every family, under the family's name. */
const column = <F extends keyof Family>(field: F): Column<F> =>
  // `fromEntries` forgets which name had which value
  Object.fromEntries(Object.entries(families).map(([name, family]) => [name, family[field]])) as unknown as Column<F>;

/** The functions that make a backbone of its configuration, by its `type`. */
export const backbones: Column<'make'> = column('make');

type Schema = Families[keyof Families]['config'];

/** The schemas of what may be written in a configuration for each backbone. There is at least one, as zod requires. */
export const backboneConfigs = Object.values(column('config')) as unknown as readonly [Schema, ...Schema[]];

/** Other publishers' parameter names, which are renamed when a checkpoint is read, by the backbone's `type`. */
export const keyLayouts: Readonly<Record<string, readonly KeyLayout[]>> = column('keyLayouts');
