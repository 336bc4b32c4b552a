import { type NDArray, ndarray, type Size, type TypedArray } from '../../../src/arrays.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import {
  type AnchorConfig,
  type AnchorLevel,
  anchorLevels,
  gridAnchors,
  insideFlags,
  validFlags,
} from '../../../src/postprocess/anchors.ts';
import { type BoxCoder, decodeDeltas, encodeDeltas } from '../../../src/postprocess/boxes.ts';
import { type Detections, secondStageDetections, singleStageDetections } from '../../../src/postprocess/detections.ts';
import { nms } from '../../../src/postprocess/nms.ts';
import { proposalsFrom } from '../../../src/postprocess/proposals.ts';
import { regionLevels, roiAlign, roiAlignNhwc } from '../../../src/postprocess/roi_align.ts';
import { expectTensor, type GoldenCase, GoldenMismatch, inputOf } from '../golden.ts';
import { toNchw, toNhwc } from './layouts.ts';
import { maskCodec, maskPaste } from './masks.ts';
import { matchOrder, rowsInOrder } from './match_order.ts';

/** Runners of postprocessing cases, by kind. Every size, threshold and input is read from the case. */
export const runners: Record<string, (golden: GoldenCase) => Promise<void>> = {
  anchors,
  coder,
  nms: nmsRuns,
  roi_align: roiAlignRuns,
  postprocess,
  mask_paste: maskPaste,
  mask_codec: maskCodec,
};

// biome-ignore-start lint/suspicious/noExplicitAny: JSON of the cases, whose fields differ by kind

/** mmdet writes sizes as [height, width]. */
const sizeFrom = ([height, width]: readonly [number, number]): Size => ({ height, width });

const known = {
  anchors: [
    'type',
    'scales',
    'ratios',
    'strides',
    'octave_base_scale',
    'scales_per_octave',
    'base_sizes',
    'center_offset',
  ],
};

function anchorConfig(json: any): AnchorConfig {
  const other = Object.keys(json).filter((key) => !known.anchors.includes(key));
  if (json.type !== 'AnchorGenerator' || other.length > 0) {
    throw new UnsupportedError(
      `anchor generator ${json.type} with ${other.join(', ') || 'known fields'} is not supported`,
    );
  }
  return {
    ratios: json.ratios,
    // mmdet's pairs are width, height
    strides: json.strides.map((s: any) => (typeof s === 'number' ? s : { width: s[0], height: s[1] })),
    baseSizes: json.base_sizes,
    centerOffset: json.center_offset,
    ...(json.scales
      ? { scales: json.scales }
      : { octaveBaseScale: json.octave_base_scale, scalesPerOctave: json.scales_per_octave }),
  };
}

async function anchors(golden: GoldenCase) {
  const { config, featmap_sizes, img_shape } = golden.json;
  const image = sizeFrom(img_shape);
  for (const [i, level] of anchorLevels(anchorConfig(config)).entries()) {
    const map = sizeFrom(featmap_sizes[i]);
    const grid = gridAnchors(level, map);
    const valid = validFlags(level, map, image);
    await expectTensor(golden, `base_level${i}`, boxRows(level.base));
    await expectTensor(golden, `level${i}`, boxRows(grid));
    await expectTensor(golden, `valid_level${i}`, list(valid));
    await expectTensor(golden, `inside0_level${i}`, list(insideFlags(grid, valid, image, { allowedBorder: 0 })));
  }
}

async function coder(golden: GoldenCase) {
  const { cases, means, max_shape, wh_ratio_clip } = golden.json;
  const { data: rois } = await inputOf(golden, 'rois');
  for (const { name, stds } of cases) {
    const boxCoder: BoxCoder = { means, stds, whRatioClip: wh_ratio_clip };
    const deltas = await inputOf(golden, `deltas_${name}`);
    const decoded = (clip?: Size) => ({ shape: deltas.shape, data: decodeDeltas(rois, deltas, boxCoder, clip) });
    await expectTensor(golden, `boxes_${name}`, decoded(sizeFrom(max_shape)));
    await expectTensor(golden, `boxes_${name}_noclip`, decoded());
    if (!golden.tensors.has(`encoded_${name}`)) continue;
    const [from, to] = [await inputOf(golden, 'encode_rois'), await inputOf(golden, 'encode_gt')];
    await expectTensor(golden, `encoded_${name}`, boxRows(encodeDeltas(from.data, to.data, boxCoder)));
  }
}

async function nmsRuns(golden: GoldenCase) {
  const { data: boxes } = await inputOf(golden, 'boxes');
  const { data: scores } = await inputOf(golden, 'scores');
  const { data: classes } = await golden.stored('ids');
  for (const { iou_threshold: iou, keep, keep_batched } of golden.json.runs) {
    const alone = nms(boxes, scores, { iou });
    const batched = nms(boxes, scores, { iou, classes: classes as Int32Array });
    same(`keep ${iou}`, alone, keep);
    same(`keep_batched ${iou}`, batched, keep_batched);
    await expectTensor(golden, `keep_${iou}`, list(Int32Array.from(alone)));
    await expectTensor(golden, `keep_batched_${iou}`, list(Int32Array.from(batched)));
  }
}

async function roiAlignRuns(golden: GoldenCase) {
  const rois = await inputOf(golden, 'rois');
  const { json } = golden;
  if (json.variants) {
    const map = await inputOf(golden, json.inputs[0].name);
    for (const { tensor, sampling_ratio, aligned } of json.variants) {
      const options = {
        outputSize: sizeFrom(json.output_size),
        spatialScale: json.spatial_scale,
        samplingRatio: sampling_ratio,
        aligned,
      };
      await expectTensor(golden, tensor, roiAlign(map, rois, options));
      await expectTensor(golden, tensor, toNchw(roiAlignNhwc(toNhwc(map), rois, options)));
    }
    return;
  }
  const { roi_layer, featmap_strides } = json.config;
  const side = roi_layer.output_size;
  const outputSize = typeof side === 'number' ? { height: side, width: side } : sizeFrom(side);
  const count = rois.shape[0]!;
  const boxes = Float32Array.from({ length: 4 * count }, (_, i) => rois.data[Math.floor(i / 4) * 5 + 1 + (i % 4)]!);
  const levels = regionLevels(boxes, { finestScale: json.finest_scale, levels: featmap_strides.length });
  await expectTensor(golden, 'levels', list(Int32Array.from(levels)));
  const maps = await Promise.all(json.inputs.map(({ name }: any) => inputOf(golden, name)));
  const pooled = Array.from(levels, (level, i) => {
    const region = ndarray([1, 5], rois.data.slice(5 * i, 5 * i + 5));
    const { sampling_ratio: samplingRatio, aligned = true } = roi_layer;
    const options = { outputSize, spatialScale: 1 / featmap_strides[level], samplingRatio, aligned };
    return roiAlign(maps[level], region, options).data;
  });
  const data = new Float32Array(pooled.reduce((sum, { length }) => sum + length, 0));
  pooled.forEach((values, i) => {
    data.set(values, i * values.length);
  });
  const channels = maps[0].shape[1];
  await expectTensor(golden, 'out', ndarray([count, channels, outputSize.height, outputSize.width], data));
}

async function postprocess(golden: GoldenCase) {
  if (golden.tensors.has('proposals')) return rpn(golden);
  if (golden.tensors.has('rois')) return boxHead(golden);
  if (golden.tensors.has('cls0')) return retina(golden);
  throw new UnsupportedError(
    `${golden.name}: neither proposals nor regions nor score maps: this postprocessing is not supported`,
  );
}

async function headMaps(golden: GoldenCase, levels: readonly AnchorLevel[]) {
  const maps = (name: string) => Promise.all(levels.map((_, i) => inputOf(golden, `${name}${i}`)));
  return { scores: await maps('cls'), deltas: await maps('reg') };
}

/** Reads the coder's fields as mmdet writes them. By default means are 0 and stds 1. */
const coderFrom = (json: any): BoxCoder => ({
  means: json.bbox_means ?? [0, 0, 0, 0],
  stds: json.bbox_stds ?? [1, 1, 1, 1],
});

async function rpn(golden: GoldenCase) {
  const { config, img_meta } = golden.json;
  const { test_cfg } = config;
  const levels = anchorLevels(anchorConfig(config.anchor_generator));
  const { scores, deltas } = await headMaps(golden, levels);
  for (const name of golden.tensors.keys()) {
    const [, limit] = /^proposals(?:_max(\d+))?$/.exec(name) ?? ['none'];
    if (!name.startsWith('proposals')) continue;
    const found = proposalsFrom(levels, scores, deltas, sizeFrom(img_meta.img_shape), {
      coder: coderFrom(config),
      nmsPre: test_cfg.nms_pre,
      iou: iouOf(test_cfg.nms),
      max: limit ? Number(limit) : test_cfg.max_per_img,
      minSize: test_cfg.min_bbox_size ?? -1,
    });
    const suffix = name.slice('proposals'.length);
    await expectDetections(golden, { boxes: name, scores: `scores${suffix}` }, found);
  }
}

async function boxHead(golden: GoldenCase) {
  const { config, img_meta, runs } = golden.json;
  const rois = await inputOf(golden, 'rois');
  const regions = rois.data.filter((_, i) => i % 5 > 0);
  const logits = await inputOf(golden, 'cls_score');
  const deltas = await inputOf(golden, 'bbox_pred');
  for (const run of runs) {
    const found = secondStageDetections(regions, logits, deltas, imageOf(img_meta, run), {
      coder: coderFrom(config),
      score: run.score_thr,
      iou: run.iou_threshold,
      max: run.max_per_img,
    });
    await expectRun(golden, run, found);
  }
}

async function retina(golden: GoldenCase) {
  const { config, img_meta, runs } = golden.json;
  const { test_cfg } = config;
  const levels = anchorLevels(anchorConfig(config.anchor_generator));
  const { scores, deltas } = await headMaps(golden, levels);
  for (const run of runs) {
    const found = singleStageDetections(levels, scores, deltas, imageOf(img_meta, run), {
      classes: config.num_classes,
      coder: coderFrom(config),
      nmsPre: test_cfg.nms_pre,
      score: run.score_thr ?? test_cfg.score_thr,
      iou: run.iou_threshold ?? iouOf(test_cfg.nms),
      max: run.max_per_img,
      minSize: test_cfg.min_bbox_size ?? -1,
    });
    await expectRun(golden, run, found);
  }
}

function iouOf({ type = 'nms', iou_threshold }: any): number {
  if (type !== 'nms') throw new UnsupportedError(`suppression by ${type} is not supported; use nms`);
  return iou_threshold;
}

function imageOf(meta: any, run: any) {
  const [x, y] = meta.scale_factor;
  return { imageSize: sizeFrom(meta.img_shape), scale: run.rescale ? { x, y } : undefined };
}

async function expectRun(golden: GoldenCase, { tag, detections }: any, found: Detections) {
  if (found.scores.length !== detections) {
    throw new GoldenMismatch(`${tag}: ${found.scores.length} detections, expected ${detections}`);
  }
  if (detections > 0) {
    await expectDetections(golden, { boxes: `boxes_${tag}`, scores: `scores_${tag}`, labels: `labels_${tag}` }, found);
  }
}

/** Compares detections in order, ties apart. */
async function expectDetections(
  golden: GoldenCase,
  names: { boxes: string; scores: string; labels?: string },
  found: { boxes: Float32Array; scores: Float32Array; labels?: Int32Array },
) {
  const order = await matchOrder(golden, names, found);
  await expectTensor(golden, names.boxes, boxRows(rowsInOrder(found.boxes, order)));
  await expectTensor(golden, names.scores, list(rowsInOrder(found.scores, order)));
  if (names.labels && found.labels) {
    await expectTensor(golden, names.labels, list(rowsInOrder(found.labels, order)));
  }
}

// biome-ignore-end lint/suspicious/noExplicitAny: end of the JSON readers

const boxRows = (boxes: Float32Array): NDArray => ndarray([boxes.length / 4, 4], boxes);
const list = <T extends TypedArray>(values: T): NDArray<T> => ndarray([values.length], values);

function same(what: string, actual: ArrayLike<number>, expected: ArrayLike<number>) {
  const text = (values: ArrayLike<number>) => Array.from(values).join(', ');
  if (text(actual) !== text(expected)) throw new GoldenMismatch(`${what}: ${text(actual)}, expected ${text(expected)}`);
}
