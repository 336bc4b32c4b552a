import { mogaNetConfig, moganet, mogaNetSize } from './moganet.ts';

export type { Backbone, ClassifierBackbone, Stage } from './backbone.ts';
export { archs as mogaNetArchs, type MogaNetArch, type MogaNetConfig, moganet, mogaNetSize } from './moganet.ts';

/** Backbones by their `type` in a config. */
export const backbones = { moganet } as const;
export const backboneConfigs = [mogaNetConfig] as const;
