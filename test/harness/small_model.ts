import { writeFileSync } from 'node:fs';
import type { NDArray } from '../../src/arrays.ts';
import { writeSafetensors } from '../../src/formats/index.ts';
import type { Raster } from '../../src/image/raster.ts';
import { configKey } from '../../src/loading/recognise.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import type { Result } from '../../src/results/result.ts';
import { seededWeight } from './seeded.ts';

/** Models of a few channels with seeded weights. They are fast, and their results are always the same nonsense. */

const region = (size: number) => ({
  size,
  samplingRatio: 2,
  aligned: true,
  finestScale: 28,
  strides: [4, 8, 16, 32],
});

const backbone = {
  type: 'moganet' as const,
  arch: { dims: [8, 8, 16, 16], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] },
};

export const smallDetection: ModelConfig = {
  name: 'small_detection',
  backbone,
  detection: {
    type: 'mask_rcnn',
    classes: ['left', 'right'],
    neck: { type: 'fpn', channels: 8, outs: 5 },
    rpn: { channels: 8, anchors: { scales: [4], ratios: [1], strides: [4, 8, 16, 32, 64] }, max: 20 },
    box: { channels: 16, deltas: { stds: [0.1, 0.1, 0.2, 0.2] }, region: region(7) },
    mask: { convs: 1, channels: 8, region: region(14) },
    test: { max: 5 },
    input: { scale: [64, 64] },
  },
};

export const smallSegmentation: ModelConfig = {
  name: 'small_segmentation',
  backbone,
  segmentation: {
    classes: ['sky', 'ground', 'water'],
    head: { type: 'uper_head', channels: 8 },
    auxiliary: { type: 'fcn_head', channels: 8, level: 2, convs: 1, concatInput: false },
    input: { scale: [64, 64] },
  },
};

export const smallBoth: ModelConfig = { ...smallSegmentation, ...smallDetection, name: 'small_both' };

export const smallClassification: ModelConfig = {
  name: 'small_classification',
  backbone,
  classification: { classes: ['cat', 'dog', 'bird', 'fish', 'snail', 'bee', 'worm'], input: { size: 32 } },
};

/** A detector of persons, whose boxes a pose model can take. */
export const smallPersons: ModelConfig = {
  ...smallDetection,
  name: 'small_persons',
  detection: smallDetection.detection && { ...smallDetection.detection, classes: ['person', 'dog'] },
};

export const smallPose: ModelConfig = {
  name: 'small_pose',
  backbone,
  pose: {
    dataset: 'coco_keypoints',
    head: { type: 'heatmap_head', channels: [8], kernels: [4] },
    input: { size: { height: 64, width: 64 } },
  },
};

/** Makes every tensor of a published file of such a model. */
export function smallWeights(config: ModelConfig, salt = ''): Map<string, NDArray> {
  const parameters = checkpointParameters(createModel(config));
  return new Map(
    parameters
      .filter(({ kind }) => kind !== 'ignored')
      .map(({ key, shape }) => [key, seededWeight(key, shape, { salt })]),
  );
}

/** Returns the bytes of a safetensors file that carries its configuration. */
export function smallFile(config: ModelConfig, salt = ''): Promise<Uint8Array> {
  return writeSafetensors(smallWeights(config, salt), { [configKey]: JSON.stringify(config) }).bytes();
}

export async function writeSmallModel(path: string, config: ModelConfig, salt = ''): Promise<void> {
  writeFileSync(path, await smallFile(config, salt));
}

/** An opaque image with a pattern. */
export const imageOf = (width: number, height: number, seed = 0): Raster => ({
  width,
  height,
  data: new Uint8ClampedArray(4 * width * height).map((_, i) => (i % 4 === 3 ? 255 : (i * 7 + seed * 31) % 256)),
});

/** Returns all numbers of a result as plain values, to be compared. */
export const numbersOf = ({ boxes, scores, labels, masks, segmentation, classification }: Result) => ({
  boxes: [...boxes],
  scores: [...scores],
  labels: [...labels],
  masks: masks?.map(({ left, top, rle }) => [left, top, rle.height, rle.width, ...rle.counts]),
  segmentation: [...(segmentation?.labels ?? [])],
  classification: classification && [[...classification.labels], [...classification.scores]],
});
