import type { BoxConfig } from '../../heads/box.ts';
import type { ModelConfig } from '../../src/models/config.ts';

/** The detectors and segmentors of mmdet and mmseg that are published on several backbones. */

type Backbone = ModelConfig['backbone'];
type Segmentor = NonNullable<ModelConfig['segmentation']>;

const region = (size: number) => ({
  size,
  samplingRatio: 0,
  aligned: true,
  finestScale: 56,
  strides: [4, 8, 16, 32],
});

/** What Mask R-CNN and Cascade Mask R-CNN have in common on COCO. */
const twoStage: Pick<
  Extract<NonNullable<ModelConfig['detection']>, { type: 'mask_rcnn' }>,
  'dataset' | 'neck' | 'rpn' | 'mask' | 'test' | 'input'
> = {
  dataset: 'coco',
  neck: { type: 'fpn', channels: 256, outs: 5 },
  rpn: { channels: 256, anchors: { scales: [8], ratios: [0.5, 1, 2], strides: [4, 8, 16, 32, 64] } },
  mask: { channels: 256, region: region(14) },
  test: {},
  input: { scale: [1333, 800] },
};

type Four = [number, number, number, number];

/** How much of a box one stage moves it: later stages start from better boxes. */
const sharpening: readonly [Four, Four, Four] = [
  [0.1, 0.1, 0.2, 0.2],
  [0.05, 0.05, 0.1, 0.1],
  [0.033, 0.033, 0.067, 0.067],
];

/** COCO, mask_rcnn_r50_fpn on any backbone. */
export function maskRcnn(name: string, backbone: Backbone): ModelConfig {
  const box = { channels: 1024, deltas: { stds: sharpening[0] }, region: region(7) };
  return { name, backbone, detection: { type: 'mask_rcnn', ...twoStage, box } };
}

/** COCO, cascade_mask_rcnn_r50_fpn on any backbone: class-agnostic boxes. */
export function cascadeMaskRcnn(name: string, backbone: Backbone): ModelConfig {
  return cascade(name, backbone, { channels: 1024, classAgnostic: true });
}

/** COCO, the cascade of four convolutions with BatchNorm and one layer per stage, trained with the GIoU loss. */
export function cascadeMaskRcnnGiou(name: string, backbone: Backbone): ModelConfig {
  return cascade(name, backbone, { convs: 4, convNorm: true, fcs: 1, channels: 1024 });
}

function cascade(name: string, backbone: Backbone, head: { channels: number } & Partial<BoxConfig>): ModelConfig {
  const box = sharpening.map((stds) => ({ ...head, deltas: { stds }, region: region(7) }));
  return { name, backbone, detection: { type: 'cascade_mask_rcnn', ...twoStage, box } };
}

/** COCO, retinanet_r50_fpn on any backbone. */
export function retinaNet(name: string, backbone: Backbone): ModelConfig {
  return {
    name,
    backbone,
    detection: {
      type: 'retinanet',
      dataset: 'coco',
      neck: { type: 'fpn', channels: 256, outs: 5, startLevel: 1, extraConvs: 'on_input' },
      head: {
        channels: 256,
        anchors: {
          scales: [4, 4 * 2 ** (1 / 3), 4 * 2 ** (2 / 3)],
          ratios: [0.5, 1, 2],
          strides: [8, 16, 32, 64, 128],
        },
      },
      test: {},
      input: { scale: [1333, 800] },
    },
  };
}

/** ADE20K, fpn_r50 on any backbone. */
export function semanticFpn(name: string, backbone: Backbone): ModelConfig {
  return {
    name,
    backbone,
    segmentation: {
      dataset: 'ade20k',
      neck: { type: 'fpn', channels: 256, outs: 4 },
      head: { type: 'semantic_fpn_head', channels: 128 },
      input: { scale: [2048, 512] },
    },
  };
}

/** ADE20K, upernet_r50 on any backbone. */
export function uperNet(name: string, backbone: Backbone, rest: Partial<Segmentor> = {}): ModelConfig {
  return {
    name,
    backbone,
    segmentation: {
      dataset: 'ade20k',
      head: { type: 'uper_head', channels: 512 },
      auxiliary: { type: 'fcn_head', channels: 256, level: 2, convs: 1, concatInput: false },
      input: { scale: [2048, 512] },
      ...rest,
    },
  };
}
