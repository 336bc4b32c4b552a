import type { ModelConfig } from '../../src/models/config.ts';

/** The demo: one MogaNet-XT trunk, a narrow Mask R-CNN and a narrow UperNet, trained on street facades. */

export const trunk = { type: 'moganet', arch: 'xt' } as const;

const region = (size: number) => ({
  size,
  samplingRatio: 0,
  aligned: true,
  finestScale: 28,
  strides: [4, 8, 16, 32],
});

export const maskRcnnLite: NonNullable<ModelConfig['detection']> = {
  type: 'mask_rcnn',
  dataset: 'facade_instances',
  neck: { type: 'fpn', channels: 64, outs: 5 },
  rpn: { channels: 64, anchors: { scales: [4], ratios: [0.5, 1, 2], strides: [4, 8, 16, 32, 64] } },
  box: { channels: 256, deltas: { stds: [0.1, 0.1, 0.2, 0.2] }, region: region(7) },
  mask: { convs: 2, channels: 64, region: region(14) },
  test: {},
  input: { scale: [640, 640] },
};

export const uperNetLite: NonNullable<ModelConfig['segmentation']> = {
  dataset: 'facade_classes',
  head: { type: 'uper_head', channels: 64 },
  auxiliary: { type: 'fcn_head', channels: 64, level: 2, convs: 1, concatInput: false },
  input: { scale: [512, 512] },
};
