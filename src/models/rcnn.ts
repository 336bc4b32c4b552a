import { type BoxConfig, boxHead, type RegionConfig } from '../../heads/box.ts';
import type { Neck } from '../../heads/head.ts';
import { type MaskConfig, maskHead } from '../../heads/mask.ts';
import { type AnchorConfig, type RpnConfig, rpnHead } from '../../heads/rpn.ts';
import type { Named, NDArray } from '../arrays.ts';
import { datasetOf } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import { F, map, type Part, type Resident, regions, type Scope, type Value } from '../nn/index.ts';
import { type AnchorLevel, anchorLevels } from '../postprocess/anchors.ts';
import { toNetwork } from '../postprocess/boxes.ts';
import { type Detections, meanLogits, refinedRegions, secondStageDetections } from '../postprocess/detections.ts';
import { pasteMasks } from '../postprocess/masks.ts';
import { type Proposals, proposalsFrom } from '../postprocess/proposals.ts';
import { sortByLevel, toBoxOrder } from '../postprocess/roi_align.ts';
import type { CascadeConfig, RcnnConfig } from './config.ts';
import type { DetectOptions, Detector, RunPart } from './detector.ts';

/** @throws ConfigError where the anchors are of another number of levels than the neck gives */
export function anchorsOf(anchors: AnchorConfig, { stages }: Neck): AnchorLevel[] {
  if (anchors.strides.length !== stages.length) {
    throw new ConfigError(
      `anchors.strides has ${anchors.strides.length} levels, the neck gives ${stages.length}: ` +
        `${stages.map(({ stride }) => stride).join(', ')}.`,
    );
  }
  return anchorLevels(anchors);
}

/** The features `name0` … `name{levels - 1}`, read back. */
export function readLevels(features: Named<Resident>, name: string, levels: number): Promise<NDArray[]> {
  return Promise.all(Array.from({ length: levels }, (_, i) => features[`${name}${i}`]!.read()));
}

/** The heads of two-stage detectors that run on regions, as parts, and how they are run. */

/** One box head: the part that it is, and where it lies below `roi_head.`. */
export interface BoxStage {
  readonly part: string;
  readonly path: string;
  readonly config: BoxConfig;
}

/** The mask heads, which pool the same regions: by the output that each gives. */
export interface MaskHeads {
  readonly part: string;
  readonly config: MaskConfig;
  readonly paths: Named<string>;
}

/** Mask R-CNN is a cascade of one stage whose keys have no number. */
export function regionHeads(config: RcnnConfig | CascadeConfig): {
  readonly boxes: readonly BoxStage[];
  readonly masks?: MaskHeads;
} {
  const { mask } = config;
  const masks = (paths: Named<string>) => mask && { masks: { part: 'mask', config: mask, paths } };
  if (config.type === 'mask_rcnn') {
    const boxes = [{ part: 'box', path: 'bbox_head', config: config.box }];
    return { boxes, ...masks({ mask_logits: 'mask_head' }) };
  }
  return {
    boxes: config.box.map((box, i) => ({ part: `box${i}`, path: `bbox_head.${i}`, config: box })),
    ...masks(Object.fromEntries(config.box.map((_, i) => [`mask_logits${i}`, `mask_head.${i}`]))),
  };
}

/** `cls_score` and `bbox_pred` of the regions, in the order of their levels. */
export const boxPart = ({ part, path, config }: BoxStage, neck: Neck, classes: number): Part =>
  regionPart(part, config.region, neck, (scope, x) => {
    const { scores, deltas } = boxHead(scope.at(path), x, config, classes);
    return { cls_score: scores, bbox_pred: deltas };
  });

export const maskPart = ({ part, config, paths }: MaskHeads, neck: Neck, classes: number): Part =>
  regionPart(part, config.region, neck, (scope, x) =>
    Object.fromEntries(
      Object.entries(paths).map(([output, path]) => [output, maskHead(scope.at(path), x, config, classes)]),
    ),
  );

/**
 * A part takes one group of regions per level (n may be 0) and joins them, so that no gather is needed on the device.
 *
 * @throws ConfigError where regions are pooled from more levels than there are
 */
function regionPart(
  name: string,
  region: RegionConfig,
  { stages }: Neck,
  head: (scope: Scope, pooled: Value) => Named<Value>,
): Part {
  const { size, strides, samplingRatio, aligned } = region;
  if (strides.length > stages.length) {
    throw new ConfigError(`${name}: region.strides has ${strides.length} levels, the neck gives ${stages.length}.`);
  }
  const pooled = stages.slice(0, strides.length).map(({ channels }) => map(channels));
  return {
    name,
    inputs: {
      ...named('fpn', pooled),
      ...named(
        'rois',
        strides.map(() => regions),
      ),
    },
    forward: (scope, inputs) => {
      const levels = strides.map((stride, i) =>
        F.roiAlign(inputs[`fpn${i}`]!, inputs[`rois${i}`]!, {
          outputSize: { height: size, width: size },
          spatialScale: 1 / stride,
          samplingRatio,
          aligned,
        }),
      );
      return head(scope.at('roi_head'), F.concat(levels, 'batch'));
    },
  };
}

/** Runs a part on boxes (n × xyxy, the network's pixels) of one image; results in the order of the boxes. */
export async function runOnRegions(
  part: string,
  region: RegionConfig,
  boxes: Float32Array,
  image: number,
  features: Named<Resident>,
  run: RunPart,
): Promise<Named<NDArray>> {
  const levels = region.strides.length;
  const sorted = sortByLevel(boxes, { finestScale: region.finestScale, levels }, image);
  const pyramid = Array.from({ length: levels }, (_, i) => features[`fpn${i}`]!);
  const outputs = await run(part, { ...named('fpn', pyramid), ...named('rois', sorted.regions) });
  return mapAsync(outputs, async (output) => {
    const rows = await output.read();
    output.dispose();
    return toBoxOrder(rows, sorted.order);
  });
}

/** `fpn` and a list → { fpn0, fpn1, … } */
export function named<T>(prefix: string, list: readonly T[]): Named<T> {
  return Object.fromEntries(list.map((value, i) => [`${prefix}${i}`, value]));
}

async function mapAsync<T, R>(values: Named<T>, each: (value: T) => Promise<R>): Promise<Named<R>> {
  return Object.fromEntries(
    await Promise.all(Object.entries(values).map(async ([name, value]) => [name, await each(value)] as const)),
  );
}

/**
 * Mask R-CNN (arXiv 1703.06870) and Cascade Mask R-CNN (arXiv 1712.00726) as mmdet runs them: proposals from every level,
 * boxes for the proposals (in a cascade each stage starts from the boxes of the one before), masks for the boxes that stay.
 */
export function rcnn(config: RcnnConfig | CascadeConfig, neck: Neck): Detector {
  const { rpn, test } = config;
  const { classes } = datasetOf(config);
  const anchors = anchorsOf(rpn.anchors, neck);
  const { boxes, masks } = regionHeads(config);

  return {
    classes,
    forward: (scope, pyramid) => {
      const levels = neck.forward(scope.at('neck'), pyramid);
      const proposals = rpnHead(scope.at('rpn_head'), levels, rpn);
      return {
        ...named('fpn', levels),
        ...named(
          'rpn_cls',
          proposals.map(({ scores }) => scores),
        ),
        ...named(
          'rpn_reg',
          proposals.map(({ deltas }) => deltas),
        ),
      };
    },
    parts: [
      ...boxes.map((stage) => boxPart(stage, neck, classes.length)),
      ...(masks ? [maskPart(masks, neck, classes.length)] : []),
    ],

    async detect(features, images, run, options = {}) {
      const proposals = await readProposals(rpn, anchors, features, images);
      const results: Detections[] = [];
      for (const [image, geometry] of images.entries()) {
        results.push(await detectOne(features, image, geometry, proposals[image]!.boxes, run, options));
      }
      return results;
    },
  };

  async function detectOne(
    features: Named<Resident>,
    image: number,
    geometry: Geometry,
    proposals: Float32Array,
    run: RunPart,
    options: DetectOptions,
  ): Promise<Detections> {
    if (proposals.length === 0) return empty(masks !== undefined);
    const found = await detectBoxes(features, image, geometry, proposals, run, options);
    if (!masks) return found;
    if (found.scores.length === 0) return empty(true);
    const regions = toNetwork(found.boxes, scaleOf(geometry));
    const logits = await runOnRegions(masks.part, masks.config.region, regions, image, features, run);
    const maps = Object.keys(masks.paths).map((output) => logits[output]!);
    return { ...found, masks: pasteMasks(maps, found.boxes, found.labels, geometry.original, test.maskThreshold) };
  }

  /** Scores are softmax of the mean of the stages' logits; boxes are the last stage's. */
  async function detectBoxes(
    features: Named<Resident>,
    image: number,
    geometry: Geometry,
    proposals: Float32Array,
    run: RunPart,
    options: DetectOptions,
  ): Promise<Detections> {
    const on = (regions: Float32Array, { part, config: { region } }: (typeof boxes)[number]) =>
      runOnRegions(part, region, regions, image, features, run);
    const last = boxes.at(-1)!;
    let regions = proposals;
    const logits = [];
    for (const stage of boxes.slice(0, -1)) {
      const { cls_score, bbox_pred } = await on(regions, stage);
      logits.push(cls_score!);
      regions = refinedRegions(regions, cls_score!, bbox_pred!, stage.config.deltas, geometry.resized);
    }
    const { cls_score, bbox_pred } = await on(regions, last);
    return secondStageDetections(
      regions,
      meanLogits([...logits, cls_score!]),
      bbox_pred!,
      { imageSize: geometry.resized, scale: scaleOf(geometry) },
      {
        coder: last.config.deltas,
        score: options.score ?? test.score,
        iou: options.iou ?? test.iou,
        max: options.max ?? test.max,
      },
    );
  }
}

const scaleOf = ({ scaleX, scaleY }: Geometry) => ({ x: scaleX, y: scaleY });

/** The RPN's maps read back and turned into each image's proposals, in the network's pixels. */
export async function readProposals(
  config: RpnConfig,
  anchors: readonly AnchorLevel[],
  features: Named<Resident>,
  images: readonly Geometry[],
): Promise<Proposals[]> {
  const scores = await readLevels(features, 'rpn_cls', anchors.length);
  const deltas = await readLevels(features, 'rpn_reg', anchors.length);
  const { deltas: coder, nmsPre, max, iou, minSize } = config;
  return images.map(({ resized }, image) =>
    proposalsFrom(anchors, scores, deltas, resized, { coder, nmsPre, max, iou, minSize }, image),
  );
}

const empty = (masks: boolean): Detections => ({
  boxes: new Float32Array(0),
  scores: new Float32Array(0),
  labels: new Int32Array(0),
  ...(masks ? { masks: [] } : {}),
});
