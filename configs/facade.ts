import type { ModelConfig } from '../src/models/config.ts';
import type { ZooEntry } from './entry.ts';

/** The demo: one MogaNet-XT backbone, a narrow Mask R-CNN and a narrow UperNet, trained on street facades. */

const backbone = { type: 'moganet', arch: 'xt' } as const;

const region = (size: number) => ({
  size,
  samplingRatio: 0,
  aligned: true,
  finestScale: 28,
  strides: [4, 8, 16, 32],
});

const detection: NonNullable<ModelConfig['detection']> = {
  type: 'mask_rcnn',
  dataset: 'facade_instances',
  neck: { type: 'fpn', channels: 64, outs: 5 },
  rpn: { channels: 64, anchors: { scales: [4], ratios: [0.5, 1, 2], strides: [4, 8, 16, 32, 64] } },
  box: { channels: 256, deltas: { stds: [0.1, 0.1, 0.2, 0.2] }, region: region(7) },
  mask: { convs: 2, channels: 64, region: region(14) },
  test: {},
  input: { scale: [640, 640] },
};

const segmentation: NonNullable<ModelConfig['segmentation']> = {
  dataset: 'facade_classes',
  head: { type: 'uper_head', channels: 64 },
  auxiliary: { type: 'fcn_head', channels: 64, level: 2, convs: 1, concatInput: false },
  input: { scale: [512, 512] },
};

const shipped = (name: string, heads: Omit<ModelConfig, 'name' | 'backbone'>): ZooEntry => ({
  name,
  config: { name, backbone, ...heads },
  weights: { shipped: 'facade.safetensors' },
});

export const facadeModels: readonly ZooEntry[] = [
  shipped('facade', { detection, segmentation }),
  shipped('mask_rcnn_lite_moganet_xt_fpn_facade', { detection }),
  shipped('upernet_lite_moganet_xt_facade', { segmentation }),
];
