import type { poseHeads, segmentationHeads } from '../../heads/index.ts';
import type { DetectionConfig, ModelConfig, SegmentationConfig } from '../../src/models/config.ts';
import type { detectors } from '../../src/models/create.ts';

/**
 * The smallest form of every detection, segmentation and pose head, for the contract suites. Backbones have theirs in their
 * table.
 */

type Written<T> = T extends { type: infer K } ? Extract<NonNullable<ModelConfig['detection']>, { type: K }> : never;
type SmallDetectors = { readonly [K in keyof typeof detectors]: Written<Extract<DetectionConfig, { type: K }>> };

const region = (size: number) => ({
  size,
  samplingRatio: 0,
  aligned: true,
  finestScale: 28,
  strides: [4, 8, 16, 32],
});

const twoStage = {
  classes: ['left', 'right'],
  neck: { type: 'fpn', channels: 8, outs: 5 },
  rpn: {
    channels: 8,
    anchors: { scales: [4], ratios: [1], strides: [4, 8, 16, 32, 64] },
    max: 12,
  },
  mask: { convs: 1, channels: 8, region: region(14) },
  test: { max: 5 },
  input: { scale: [64, 64] },
} satisfies Partial<SmallDetectors['mask_rcnn']>;

type Four = [number, number, number, number];
const stds: readonly Four[] = [
  [0.1, 0.1, 0.2, 0.2],
  [0.05, 0.05, 0.1, 0.1],
  [0.033, 0.033, 0.067, 0.067],
];

export const smallDetectors: SmallDetectors = {
  mask_rcnn: {
    type: 'mask_rcnn',
    ...twoStage,
    box: { channels: 16, deltas: { stds: stds[0]! }, region: region(7) },
  },
  cascade_mask_rcnn: {
    type: 'cascade_mask_rcnn',
    ...twoStage,
    box: stds.map((std) => ({ channels: 16, classAgnostic: true, deltas: { stds: std }, region: region(7) })),
  },
  retinanet: {
    type: 'retinanet',
    classes: ['left', 'right'],
    neck: { type: 'fpn', channels: 8, outs: 5, startLevel: 1, extraConvs: 'on_input' },
    head: { convs: 1, channels: 8, anchors: { scales: [4], ratios: [1], strides: [8, 16, 32, 64, 128] } },
    test: { max: 5 },
    input: { scale: [64, 64] },
  },
};

type SmallSegmentationHeads = {
  readonly [K in keyof typeof segmentationHeads]: NonNullable<ModelConfig['segmentation']> & {
    head: { type: SegmentationConfig['head']['type'] & K };
  };
};

const regions = { classes: ['sky', 'ground', 'water'], input: { scale: [64, 64] as [number, number] } };

export const smallSegmentationHeads: SmallSegmentationHeads = {
  uper_head: {
    ...regions,
    head: { type: 'uper_head', channels: 8 },
    auxiliary: { type: 'fcn_head', channels: 8, level: 2, convs: 1, concatInput: false },
  },
  semantic_fpn_head: {
    ...regions,
    neck: { type: 'fpn', channels: 8, outs: 4 },
    head: { type: 'semantic_fpn_head', channels: 8 },
  },
  fcn_head: { ...regions, head: { type: 'fcn_head', channels: 8, level: 0 } },
};

export const smallPoseHeads: { readonly [K in keyof typeof poseHeads]: NonNullable<ModelConfig['pose']> } = {
  heatmap_head: {
    keypoints: { names: ['head', 'left', 'right'], skeleton: [[0, 1]], flipPairs: [[1, 2]] },
    head: { type: 'heatmap_head', channels: [8, 8], kernels: [4, 3] },
    input: { size: { height: 64, width: 48 } },
  },
};
