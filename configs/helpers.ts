import type { BoxConfig } from '../heads/box.ts';
import { datasets } from '../src/datasets/index.ts';
import type { ModelConfig } from '../src/models/config.ts';
import type { Facts, Published, Publisher, ZooEntry } from './entry.ts';

/**
 * Functions that make one row of a family's table. They know the published forms of classifiers, detectors and segmentors;
 * a row says the name, the backbone and the facts about the weights.
 */

type Backbone = ModelConfig['backbone'];
type Detection = NonNullable<ModelConfig['detection']>;
type Segmentation = NonNullable<ModelConfig['segmentation']>;
type Classification = NonNullable<ModelConfig['classification']>;

const { coco, ade20k, imagenet, coco_keypoints } = datasets;

/** A classifier of ImageNet-1k; its image is resized and cropped as its publisher evaluates it. */
export function classifier(
  name: string,
  backbone: Backbone,
  input: Classification['input'],
  { trainedOn = [imagenet], ...facts }: Facts,
  image?: ModelConfig['image'],
): ZooEntry {
  return {
    name,
    config: { name, backbone, classification: { dataset: 'imagenet', input }, image },
    trainedOn,
    ...facts,
  };
}

const region = (size: number) => ({
  size,
  samplingRatio: 0,
  aligned: true,
  finestScale: 56,
  strides: [4, 8, 16, 32],
});

/** The parts that Mask R-CNN and Cascade Mask R-CNN on COCO have in common. */
const twoStage: Pick<
  Extract<Detection, { type: 'mask_rcnn' }>,
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

/** How far a stage moves its boxes: later stages start from better ones. */
const sharpening: readonly [Four, Four, Four] = [
  [0.1, 0.1, 0.2, 0.2],
  [0.05, 0.05, 0.1, 0.1],
  [0.033, 0.033, 0.067, 0.067],
];

/** mask_rcnn_r50_fpn on any backbone. */
export function maskRcnn(name: string, backbone: Backbone, schedule: string, facts: Facts): ZooEntry {
  const box = { channels: 1024, deltas: { stds: sharpening[0] }, region: region(7) };
  return detector(name, backbone, { type: 'mask_rcnn', ...twoStage, box }, schedule, facts);
}

/** cascade_mask_rcnn_r50_fpn on any backbone: class-agnostic boxes. */
export function cascadeMaskRcnn(name: string, backbone: Backbone, schedule: string, facts: Facts): ZooEntry {
  return detector(name, backbone, cascade({ channels: 1024, classAgnostic: true }), schedule, facts);
}

/** The cascade of four convolutions with BatchNorm and one layer per stage, trained with the GIoU loss. */
export function cascadeMaskRcnnGiou(name: string, backbone: Backbone, schedule: string, facts: Facts): ZooEntry {
  return detector(name, backbone, cascade({ convs: 4, convNorm: true, fcs: 1, channels: 1024 }), schedule, facts);
}

function cascade(head: { channels: number } & Partial<BoxConfig>): Detection {
  const box = sharpening.map((stds) => ({ ...head, deltas: { stds }, region: region(7) }));
  return { type: 'cascade_mask_rcnn', ...twoStage, box };
}

/** retinanet_r50_fpn on any backbone. */
export function retinaNet(name: string, backbone: Backbone, schedule: string, facts: Facts): ZooEntry {
  const detection: Detection = {
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
  };
  return detector(name, backbone, detection, schedule, facts);
}

const detector = (
  name: string,
  backbone: Backbone,
  detection: Detection,
  schedule: string,
  { trainedOn = [coco, imagenet], ...facts }: Facts,
): ZooEntry => ({ name, config: { name, backbone, detection }, schedule, trainedOn, ...facts });

/** fpn_r50 on any backbone: 80k iterations. */
export function semanticFpn(name: string, backbone: Backbone, facts: Facts): ZooEntry {
  const segmentation: Segmentation = {
    dataset: 'ade20k',
    neck: { type: 'fpn', channels: 256, outs: 4 },
    head: { type: 'semantic_fpn_head', channels: 128 },
    input: { scale: [2048, 512] },
  };
  return segmentor(name, backbone, segmentation, '80k', facts);
}

/**
 * upernet_r50 on any backbone: 512×512 crops, 160k iterations.
 *
 * @param test how images are fed, if not at once and stretched to a multiple of 32
 */
export function uperNet(
  name: string,
  backbone: Backbone,
  facts: Facts,
  test: Pick<Partial<Segmentation>, 'input' | 'slide'> = {},
): ZooEntry {
  const segmentation: Segmentation = {
    dataset: 'ade20k',
    head: { type: 'uper_head', channels: 512 },
    auxiliary: { type: 'fcn_head', channels: 256, level: 2, convs: 1, concatInput: false },
    input: { scale: [2048, 512] },
    ...test,
  };
  return segmentor(name, backbone, segmentation, '160k', facts);
}

const segmentor = (
  name: string,
  backbone: Backbone,
  segmentation: Segmentation,
  schedule: string,
  { trainedOn = [ade20k, imagenet], ...facts }: Facts,
): ZooEntry => ({ name, config: { name, backbone, segmentation }, schedule, trainedOn, ...facts });

/** The sizes of the inputs of published pose models. */
export type PoseSize = readonly [height: number, width: number];

/** Simple Baselines' head on any backbone: boxes are cut to one size, and each crop is also run mirrored. */
export function pose(
  name: string,
  backbone: Backbone,
  [height, width]: PoseSize,
  { trainedOn = [coco_keypoints, imagenet], ...facts }: Facts,
): ZooEntry {
  const test = { flip: true, shift: true };
  return {
    name,
    config: { name, backbone, pose: { dataset: 'coco_keypoints', input: { size: { height, width } }, test } },
    trainedOn,
    ...facts,
  };
}

/** The metrics of a task, in the order in which tables list them. */
const metrics = {
  classification: ['top-1', 'top-5'],
  detection: ['box AP', 'mask AP'],
  segmentation: ['mIoU', 'mIoU(ms+flip)'],
  pose: ['keypoint AP', 'keypoint AP50', 'keypoint AP75', 'keypoint AR', 'keypoint AR(M)', 'keypoint AR(L)'],
} as const;

type TaskName = keyof typeof metrics;

/** The input sizes at which papers count detectors and segmentors. */
export const countedAt = {
  detection: { height: 1280, width: 800 },
  segmentation: { height: 2048, width: 512 },
} as const;

/** Millions of parameters, billions of FLOPs and the scores in the order of the task's metrics: the columns of most tables. */
export type Figures = readonly [params: number, flops: number, ...scores: number[]];

/** The published numbers of a row. A table may leave the last scores out. */
export function published(
  task: TaskName,
  [params, flops, ...scores]: Figures,
  source: string,
  input: { height: number; width: number },
): Published {
  return { params, flops, input, scores: scoresOf(task, scores), source };
}

function scoresOf(task: TaskName, values: readonly number[]): Record<string, number> {
  const scores: Record<string, number> = {};
  for (const [i, metric] of metrics[task].entries()) {
    const value = values[i];
    if (value !== undefined) scores[metric] = value;
  }
  return scores;
}

/** Hosts of publishers whose file names end with the beginning of the file's SHA-256: `…-0676ba61.pth`, in mmpose before the date. */
const hashedNames = /^https:\/\/download\.(?:pytorch\.org|openmmlab\.com)\/.*-([0-9a-f]{8})(?:_\d{8})?\.pth$/;

/** Returns the beginning of a file's SHA-256 that its publisher puts into the file's name; undefined if there is none. */
export const hashInName = (url: string): string | undefined => hashedNames.exec(url)?.[1];

/** Weights at their publisher's URL, with what the name says about the file. */
export const weightsAt = (url: string) => ({ url, sha256: hashInName(url) });

export const square = (size: number) => ({ height: size, width: size });

/** Parameters and FLOPs that another publisher states for the same network. */
export type Counted = Required<Pick<Published, 'params' | 'flops' | 'source'>>;

const openMmlab = (
  task: 'detection' | 'segmentation',
  { publisher, source, folder }: { publisher: Publisher; source: string; folder: string },
): ((scores: readonly number[], file: string, counted?: Counted) => Facts) => {
  return (scores, file, counted) => ({
    publisher,
    weights: weightsAt(`${folder}/${file}.pth`),
    published: {
      params: counted?.params,
      flops: counted?.flops,
      input: counted && countedAt[task],
      scores: scoresOf(task, scores),
      source: counted ? `${source}; parameters and FLOPs: ${counted.source}` : source,
    },
  });
};

/** The facts of a detector of mmdetection: its scores and its file. */
export const mmdetection = openMmlab('detection', {
  publisher: { name: 'github.com/open-mmlab/mmdetection', licence: 'Apache-2.0' },
  source: 'github.com/open-mmlab/mmdetection v3.3.0, configs/*/metafile.yml',
  folder: 'https://download.openmmlab.com/mmdetection/v2.0',
});

/** The facts of a segmentor of mmsegmentation: its scores and its file. */
export const mmsegmentation = openMmlab('segmentation', {
  publisher: { name: 'github.com/open-mmlab/mmsegmentation', licence: 'Apache-2.0' },
  source: 'github.com/open-mmlab/mmsegmentation v1.2.2, configs/*/metafile.yaml',
  folder: 'https://download.openmmlab.com/mmsegmentation/v0.5',
});

/** The input of mmsegmentation's test pipelines, which resize once and stretch nothing. */
export const unstretched: { scale: [number, number]; divisor: number } = { scale: [2048, 512], divisor: 1 };

/**
 * A pose model that MogaNet's authors publish, on MogaNet or on ConvNeXt. Its file has its name.
 *
 * @param network what its name begins with, such as `moganet_xt`
 */
export function mogaNetPose(
  network: string,
  backbone: Backbone,
  [height, width]: PoseSize,
  figures: Figures,
): ZooEntry {
  const name = `${network}_coco_${height}x${width}`;
  return pose(name, backbone, [height, width], {
    publisher: { name: 'github.com/Westlake-AI/MogaNet', licence: 'Apache-2.0' },
    weights: { url: `https://github.com/Westlake-AI/MogaNet/releases/download/moganet-pose-weights/${name}.pth` },
    published: published('pose', figures, poseTable, { height, width }),
  });
}

/** The facts of a pose model of mmpose that the same table lists. */
export const mmpose = (
  file: string,
  figures: Figures,
  input: { height: number; width: number },
  note?: string,
): Facts => ({
  publisher: { name: 'github.com/open-mmlab/mmpose', licence: 'Apache-2.0' },
  weights: weightsAt(`https://download.openmmlab.com/mmpose/top_down/${file}.pth`),
  published: { ...published('pose', figures, poseTable, input), note },
});

const poseTable = 'github.com/Westlake-AI/MogaNet, pose_estimation/README at 386b548c';
