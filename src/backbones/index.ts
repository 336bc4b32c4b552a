import { convNextConfig, convnext } from './convnext.ts';
import { convNextLayouts } from './convnext_layouts.data.ts';
import { macro, macroConfig } from './macro.ts';
import { mogaNetConfig, mogaNetLayouts, moganet } from './moganet.ts';
import { parCNetConfig, parcnet } from './parcnet.ts';
import { resNetConfig, resNetLayouts, resnet } from './resnet.ts';
import { swin, swinConfig } from './swin.ts';
import { swinLayouts } from './swin_layouts.data.ts';

export { fromOfficial } from '../models/mm/moganet.ts';
export type { Backbone, ClassifierBackbone, Layout, Stage } from './backbone.ts';
export { archs as convNextArchs, type ConvNextArch, type ConvNextConfig, convnext } from './convnext.ts';
export { type ChannelForm, channelMixers, type MacroConfig, macro, type SpatialForm, spatialMixers } from './macro.ts';
export { archs as mogaNetArchs, type MogaNetArch, type MogaNetConfig, mogaNetSize, moganet } from './moganet.ts';
export { archs as parCNetArchs, type ParCNetArch, type ParCNetConfig, parcnet } from './parcnet.ts';
export { type ResNetConfig, resnet } from './resnet.ts';
export { archs as swinArchs, type SwinArch, type SwinConfig, swin } from './swin.ts';

/** Backbones by their `type` in a config. */
export const backbones = { moganet, convnext, swin, parcnet, resnet, macro } as const;
/** What may be written in a configuration for each backbone, as zod schemas. */
export const backboneConfigs = [
  mogaNetConfig,
  convNextConfig,
  swinConfig,
  parCNetConfig,
  resNetConfig,
  macroConfig,
] as const;

/** Layouts that are renamed to a backbone's own when its checkpoint is read. */
export const layouts = {
  moganet: mogaNetLayouts,
  convnext: convNextLayouts,
  swin: swinLayouts,
  parcnet: [],
  resnet: resNetLayouts,
  macro: [],
} as const;
