import type { MogaNetConfig } from '../../src/backbones/moganet.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { ade20kNames, cocoNames } from './labels.data.ts';

/** The official MogaNet models; a published one is a call of one of these. */

type Arch = 'xt' | 't' | 's' | 'b' | 'l' | 'xl';
type Options = Omit<MogaNetConfig, 'type' | 'arch'>;

export const releases = 'https://github.com/Westlake-AI/MogaNet/releases/download';
export const readme = 'github.com/Westlake-AI/MogaNet, README at 386b548c';

const backbone = (arch: Arch, options: Options = {}) => ({ type: 'moganet' as const, arch, ...options });

/** ImageNet-1k. */
export function imageNet(name: string, arch: Arch, options?: Options): ModelConfig {
  return { name, backbone: backbone(arch, options), classifier: { classes: 1000 } };
}

const region = (size: number) => ({
  size,
  samplingRatio: 0,
  aligned: true,
  finestScale: 56,
  strides: [4, 8, 16, 32],
});

/** COCO, mask_rcnn_r50_fpn with another backbone. */
export function maskRcnn(name: string, arch: Arch): ModelConfig {
  return {
    name,
    backbone: backbone(arch),
    detector: {
      type: 'mask_rcnn',
      classes: cocoNames,
      neck: { type: 'fpn', channels: 256, outs: 5 },
      rpn: { channels: 256, anchors: { scales: [8], ratios: [0.5, 1, 2], strides: [4, 8, 16, 32, 64] } },
      box: { channels: 1024, deltas: { stds: [0.1, 0.1, 0.2, 0.2] }, region: region(7) },
      mask: { channels: 256, region: region(14) },
      test: {},
      input: { scale: [1333, 800] },
    },
  };
}

/** ADE20K, 512×512 crops, 160k iterations. */
export function uperNet(name: string, arch: Arch): ModelConfig {
  return {
    name,
    backbone: backbone(arch),
    segmentor: {
      classes: ade20kNames,
      head: { type: 'uper_head', channels: 512 },
      auxiliary: { type: 'fcn_head', channels: 256, level: 2, convs: 1, concatInput: false },
      input: { scale: [2048, 512] },
    },
  };
}
