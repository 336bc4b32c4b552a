import { convNextConfig, convnext } from './convnext.ts';
import { convNextLayouts } from './convnext_layouts.data.ts';
import { mogaNetConfig, mogaNetLayouts, moganet } from './moganet.ts';
import { resNetConfig, resNetLayouts, resnet } from './resnet.ts';

export type { Backbone, ClassifierBackbone, Layout, Stage } from './backbone.ts';
export { archs as convNextArchs, type ConvNextArch, type ConvNextConfig, convnext } from './convnext.ts';
export { archs as mogaNetArchs, type MogaNetArch, type MogaNetConfig, mogaNetSize, moganet } from './moganet.ts';
export { fromOfficial } from './moganet_official.ts';
export { type ResNetConfig, resnet } from './resnet.ts';

/** Backbones by their `type` in a config. */
export const backbones = { moganet, convnext, resnet } as const;
export const backboneConfigs = [mogaNetConfig, convNextConfig, resNetConfig] as const;

/** Layouts that are renamed to a backbone's own when its checkpoint is read. */
export const layouts = { moganet: mogaNetLayouts, convnext: convNextLayouts, resnet: resNetLayouts } as const;
