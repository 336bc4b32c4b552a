import type { KeyLayout } from './backbone.ts';
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

/** The table of backbones, by their `type` in a configuration. Everything else about them is read from it. */
export const families = {
  moganet: mogaNetFamily,
  convnext: convNextFamily,
  swin: swinFamily,
  parcnet: parCNetFamily,
  resnet: resNetFamily,
  macro: macroFamily,
} as const;

type Families = typeof families;

/** Returns one field of every family, under the family's name. */
const fieldOf = <F extends keyof Families[keyof Families]>(field: F) =>
  Object.fromEntries(Object.entries(families).map(([name, family]) => [name, family[field]])) as unknown as {
    readonly [K in keyof Families]: Families[K][F];
  }; // `fromEntries` forgets which name had which value

/** The functions that make a backbone of its configuration, by its `type`. */
export const backbones = fieldOf('make');

type BackboneSchema = Families[keyof Families]['config'];

/** The schemas of what may be written in a configuration for each backbone. */
export const backboneConfigs = Object.values(fieldOf('config')) as unknown as readonly [
  BackboneSchema,
  ...BackboneSchema[],
]; // at least one, as zod wants to know

/** Other publishers' parameter names, which are renamed when a checkpoint is read, by the backbone's `type`. */
export const keyLayouts: Readonly<Record<string, readonly KeyLayout[]>> = fieldOf('keyLayouts');
