import { poseHeads } from '../../heads/index.ts';
import { type NDArray, type Size, scaledEdge, sizeOf } from '../arrays.ts';
import type { Stage } from '../backbones/index.ts';
import { type PoseDataset, poseDatasetOf } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import { type CropPipeline, prepareCrops } from '../image/affine.ts';
import { type CropShape, cropPlaces, hasCrop } from '../image/crop_places.ts';
import { batchInputs, mirroredInputs } from '../image/preprocess.ts';
import type { Raster } from '../image/raster.ts';
import { boxAt } from '../postprocess/boxes.ts';
import { takePoses } from '../postprocess/found_poses.ts';
import { type Boxes, boxesOf } from './boxes.ts';
import type { ImageConfig } from './config.ts';
import { isUdp, type PoseConfig } from './pose_config.ts';
import { byName, type CropRun, type CropTask, checkEdges, type TaskOptions } from './task.ts';

/**
 * Finds the keypoints of what boxes show, one pose in each: mmpose's TopDown models. Each box is cut out of the image and run as it is and,
 * if the configuration says so, mirrored; the mean of both heatmaps is decoded.
 *
 * @throws ConfigError if the head reads a level that there is not
 */
export function poseTask(config: PoseConfig, image: ImageConfig, stages: readonly Stage[]): CropTask {
  const dataset = poseDatasetOf(config);
  const { input, test } = config;
  const perKeypoint = test.target === 'offset' ? 3 : 1; // its response, and offsets along x and y
  const maps = perKeypoint * dataset.keypoints.names.length;
  const head = poseHeads[config.head.type].make(config.head, maps, stages);
  const pipelineFor = ({ height, width }: Size = input.size, scale = 1): CropPipeline => {
    const size = { height: scaledEdge(height, scale), width: scaledEdge(width, scale) };
    checkEdges([size.height, size.width]);
    return { ...image, size, padding: input.padding, steps: input.steps, udp: isUdp(test) };
  };
  return {
    kind: 'pose',
    dataset,
    modules: ['keypoint_head'],
    forward: (scope, pyramid) => ({ heatmaps: head.forward(scope.at('keypoint_head'), pyramid) }),
    parts: [],
    prepare: function* (images, size, scale) {
      const pipeline = pipelineFor(size, scale);
      const crops: NDArray[] = [];
      for (const raster of images)
        crops.push((yield* prepareCrops(raster, boxesXywh(wholeOf(raster)), pipeline)).input);
      return { image: (yield* batchInputs(crops)).input, geometries: [] };
    },
    check: ({ scales = [1], oks, boxes, classes }, size) => {
      if (scales.length > 1) {
        throw new ConfigError(
          'a pose model sees crops of one size: several `scales` cannot be used. One can, and `flip`.',
        );
      }
      if (oks !== undefined && !dataset.keypoints.sigmas) {
        throw new ConfigError('`oks` needs the `sigmas` of the keypoints, which this configuration does not have.');
      }
      if (classes)
        throw new ConfigError('a pose model has one class. Choose the boxes of a class, and leave `classes` out.');
      if (boxes) checkPlaces(boxesOf(boxes), pipelineFor(size, scales[0]));
    },
    inCrops: (raster, size, options) =>
      cropRun(raster, options, { config, dataset, pipeline: pipelineFor(size, options.scales?.[0]) }),
  };
}

/** What a run needs to know of its model. */
interface PoseModel {
  readonly config: PoseConfig;
  readonly dataset: PoseDataset;
  readonly pipeline: CropPipeline;
}

async function cropRun(
  raster: Raster,
  options: TaskOptions,
  { config: { test }, dataset, pipeline }: PoseModel,
): Promise<CropRun> {
  const { decodeHeatmaps, mergeFlipped, oksNmsSlices, poseScores } = await import('../postprocess/poses.ts');
  const { names, flipPairs, sigmas = [] } = dataset.keypoints;
  const perPose = names.length;
  const boxes = options.boxes ? boxesOf(options.boxes) : wholeOf(raster);
  const xywh = boxesXywh(boxes);
  const { centers, scales, areas } = cropPlaces(xywh, pipeline.size, pipeline.padding, pipeline.steps);
  const count = areas.length;
  const points = new Float32Array(2 * count * perPose);
  const pointScores = new Float32Array(count * perPose);
  const flip = options.flip ?? test.flip;
  return {
    count,
    together: cropsTogether(pipeline.size, flip),
    *cut(from, to) {
      const { input } = yield* prepareCrops(raster, xywh.subarray(4 * from, 4 * to), pipeline);
      return { image: flip ? joined(input, mirroredInputs(input, [])) : input, geometries: [] };
    },
    async read({ features, networkDone }) {
      const heatmaps = await byName(await features(), 'heatmaps').read();
      await networkDone();
      return heatmaps;
    },
    *add(heatmaps, from, to) {
      for (let i = from; i < to; i++) {
        const upright = itemOf(heatmaps, i - from);
        const merged = flip
          ? mergeFlipped(upright, itemOf(heatmaps, to - from + i - from), { ...test, flipPairs })
          : upright;
        const place = { centers: centers.subarray(2 * i, 2 * i + 2), scales: scales.subarray(2 * i, 2 * i + 2) };
        const decoded = decodeHeatmaps(merged, place, test);
        points.set(decoded.points, 2 * i * perPose);
        pointScores.set(decoded.scores, i * perPose);
        yield;
      }
    },
    *finish() {
      const scores = poseScores(pointScores, boxes.scores);
      const { oks, score = Number.NEGATIVE_INFINITY, max = count } = options;
      const order =
        oks === undefined ? scores.keys() : yield* oksNmsSlices({ points, areas }, scores, { threshold: oks, sigmas });
      const kept = bestOf([...order], scores, max).filter((i) => scores[i]! >= score);
      const found = { boxes: Float32Array.from(boxes.boxes), scores: Float32Array.from(scores), points, pointScores };
      return { poses: { ...takePoses(found, kept), dataset } };
    },
  };
}

/** Pixels that the network takes at a time, as 4 inputs of 256×192: more take more memory, and on a processor no less time. */
const pixelsTogether = 4 * 256 * 192;

function cropsTogether({ height, width }: Size, flip: boolean): number {
  return Math.max(1, Math.floor(pixelsTogether / (height * width * (flip ? 2 : 1))));
}

/** Returns two batches as one, the second after the first. */
function joined(first: NDArray, second: NDArray): NDArray {
  const data = new Float32Array(first.data.length + second.data.length);
  data.set(first.data);
  data.set(second.data, first.data.length);
  const [a = 0, ...shape] = first.shape;
  return { shape: [a + (second.shape[0] ?? 0), ...shape], data };
}

/** Returns a batch of one item. */
function itemOf({ shape: [, ...shape], data }: NDArray, i: number): NDArray {
  const length = sizeOf(shape);
  return { shape: [1, ...shape], data: data.subarray(i * length, (i + 1) * length) };
}

/** The whole image as one box. */
const wholeOf = ({ height, width }: Size): Boxes => ({ boxes: [0, 0, width, height], scores: [1] });

/** Returns boxes as (x, y, width, height), in double: mmpose's crops are made from these. */
function boxesXywh({ boxes }: Boxes): Float64Array {
  const xywh = Float64Array.from(boxes);
  for (let i = 0; i < xywh.length; i += 4) {
    xywh[i + 2]! -= xywh[i]!;
    xywh[i + 3]! -= xywh[i + 1]!;
  }
  return xywh;
}

/** @throws ConfigError for a box without area, or one that is too far away to be cut out */
function checkPlaces(boxes: Boxes, crop: CropShape): void {
  for (let i = 0; i < boxes.scores.length; i++) {
    const box = boxAt(boxes.boxes, i);
    if (hasCrop(box, crop)) continue;
    const [x1, y1, x2, y2] = box;
    const fault = x2 > x1 && y2 > y1 ? 'is too far away or too small to be cut out' : 'has no area';
    throw new ConfigError(
      `options of predict: boxes: box ${i} ${fault}: ${box.join(', ')}. Boxes are x1, y1, x2, y2 in pixels of ` +
        'the image, the left upper corner first. Leave this box out, or add if these are x, y, width, height.',
    );
  }
}

/** Returns the `max` indices with the highest scores, in the order in which they were. Of equal scores the first stay. */
function bestOf(indices: readonly number[], scores: ArrayLike<number>, max: number): number[] {
  if (indices.length <= max) return [...indices];
  const place = new Map(indices.map((index, i) => [index, i]));
  const best = [...indices].sort((a, b) => scores[b]! - scores[a]! || place.get(a)! - place.get(b)!).slice(0, max);
  return best.sort((a, b) => place.get(a)! - place.get(b)!);
}
