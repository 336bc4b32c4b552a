import { mogaNetConfig, mogaNetLayouts, moganet } from './moganet.ts';

export type { Backbone, ClassifierBackbone, Stage } from './backbone.ts';
export { archs as mogaNetArchs, type MogaNetArch, type MogaNetConfig, mogaNetSize, moganet } from './moganet.ts';

export { fromOfficial } from './moganet_official.ts';

/** Backbones by their `type` in a config. */
export const backbones = { moganet } as const;
export const backboneConfigs = [mogaNetConfig] as const;

/** Layouts that are renamed to a backbone's own when its checkpoint is read. */
export const layouts = { moganet: mogaNetLayouts } as const;
