import type { MogaNetConfig } from '../../src/backbones/moganet.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import * as dense from './dense.ts';

/** The official MogaNet models; a published one is a call of one of these. */

type Arch = 'xt' | 't' | 's' | 'b' | 'l' | 'xl';
type Options = Omit<MogaNetConfig, 'type' | 'arch'>;

export const releases = 'https://github.com/Westlake-AI/MogaNet/releases/download';
export const readme = 'github.com/Westlake-AI/MogaNet, README at 386b548c';

const backbone = (arch: Arch, options: Options = {}) => ({ type: 'moganet' as const, arch, ...options });

/**
 * ImageNet-1k, evaluated as it was trained at `size`. The official code has one crop_pct for every size of model:
 * `default_cfgs` in models/moganet.py, the commands of TRAINING.md, and the default of validate.py are all 0.9.
 */
export function imageNet(name: string, arch: Arch, { size = 224, ...options }: Options & { size?: number } = {}) {
  return {
    name,
    backbone: backbone(arch, options),
    classification: { dataset: 'imagenet', input: { size, cropPct: 0.9 } },
  } satisfies ModelConfig;
}

export const maskRcnn = (name: string, arch: Arch): ModelConfig => dense.maskRcnn(name, backbone(arch));
export const cascadeMaskRcnn = (name: string, arch: Arch): ModelConfig => dense.cascadeMaskRcnn(name, backbone(arch));
export const cascadeMaskRcnnGiou = (name: string, arch: Arch): ModelConfig =>
  dense.cascadeMaskRcnnGiou(name, backbone(arch));
export const retinaNet = (name: string, arch: Arch): ModelConfig => dense.retinaNet(name, backbone(arch));
/** 80k iterations. */
export const semanticFpn = (name: string, arch: Arch): ModelConfig => dense.semanticFpn(name, backbone(arch));
/** 512×512 crops, 160k iterations. */
export const uperNet = (name: string, arch: Arch): ModelConfig => dense.uperNet(name, backbone(arch));
