import { type BoxConfig, boxHead, type RegionConfig } from '../../heads/box.ts';
import type { Neck } from '../../heads/head.ts';
import { type MaskConfig, maskHead } from '../../heads/mask.ts';
import { type RpnConfig, rpnHead } from '../../heads/rpn.ts';
import { itemAt, type Named, type NDArray, sizeOf } from '../arrays.ts';
import { ConfigError } from '../errors.ts';
import type { Geometry } from '../image/geometry.ts';
import { type DeviceTensor, F, map, type Part, regions, type Scope, type Value } from '../nn/index.ts';
import type { AnchorLevel } from '../postprocess/anchors.ts';
import type { Detections } from '../postprocess/detections.ts';
import type { Proposals } from '../postprocess/proposals.ts';
import { inSlices, type Pause } from '../slices.ts';
import type { CascadeConfig, RcnnConfig } from './config.ts';
import { anchorsOf, checkStrides, type DetectOptions, type Detector } from './detection.ts';
import { byName, named, type RunPart, readAll, readAndFree, readLevels } from './task.ts';

let loaded: typeof import('../postprocess/detecting.ts') | undefined;
/** Returns the arithmetic between the parts. An image needs it five times, and a loader that compiles looks up a module for each. */
const arithmetic = async () => {
  loaded ??= await import('../postprocess/detecting.ts');
  return loaded;
};

/** The box head of one stage: its field in the configuration, its part, and its state-dict path below `roi_head`. */
interface BoxStage {
  readonly field: string;
  readonly part: string;
  readonly path: string;
  readonly config: BoxConfig;
}

/** Returns the stages of a detector. Mask R-CNN is a cascade of one stage whose keys have no number. */
export function boxStages(config: RcnnConfig | CascadeConfig): readonly BoxStage[] {
  if (config.type === 'mask_rcnn') return [{ field: 'box', part: 'box', path: 'bbox_head', config: config.box }];
  return config.box.map((box, i) => ({ field: `box.${i}`, part: `box${i}`, path: `bbox_head.${i}`, config: box }));
}

/** Returns the paths of the mask heads below `roi_head`, by output. All of them run on the same regions. */
export function maskPaths(config: RcnnConfig | CascadeConfig): Named<string> {
  if (config.type === 'mask_rcnn') return { mask_logits: 'mask_head' };
  return Object.fromEntries(config.box.map((_, i) => [`mask_logits${i}`, `mask_head.${i}`]));
}

/**
 * Mask R-CNN (arXiv 1703.06870) and Cascade Mask R-CNN (arXiv 1712.00726) as mmdet runs them: proposals from every level, boxes
 * for the proposals (each stage of a cascade starts from the boxes of the stage before), and masks for the boxes that remain.
 *
 * @throws ConfigError if anchors or regions do not fit the neck's levels
 */
export function rcnn(config: RcnnConfig | CascadeConfig, neck: Neck, classes: number): Detector {
  const { rpn, mask } = config;
  const anchors = anchorsOf(rpn.anchors, neck, 'detection.rpn.anchors');

  return {
    modules: ['neck', 'rpn_head', 'roi_head'],
    forward: (scope, pyramid) => {
      const levels = neck.forward(scope.at('neck'), pyramid);
      const proposals = rpnHead(scope.at('rpn_head'), levels, rpn);
      const scores = proposals.map((level) => level.scores);
      const deltas = proposals.map((level) => level.deltas);
      return { ...named('fpn', levels), ...named('rpn_cls', scores), ...named('rpn_reg', deltas) };
    },
    parts: [
      ...boxStages(config).map((stage) => boxPart(stage, neck, classes)),
      ...(mask ? [maskPart(mask, maskPaths(config), neck, classes)] : []),
    ],
    detect: async ({ features, geometries, run, networkDone, pause }, options) => {
      const outputs = await features();
      const proposals = await readProposals(rpn, anchors, outputs, geometries, pause);
      const results: Detections[] = [];
      for (const [i, geometry] of geometries.entries()) {
        const onRegions: OnRegions = (part, region, found) => runOnRegions(part, region, found, i, outputs, run);
        const isLast = i === geometries.length - 1;
        const done = async () => (isLast ? networkDone() : undefined);
        const image = { proposals: itemAt(proposals, i).boxes, geometry, onRegions, done, pause };
        results.push(await detectOne(config, image, options));
      }
      return results;
    },
    detectViews: async (views, options) => {
      const { fromView, mergedProposals } = await import('../postprocess/joining.ts');
      const seen: ViewRegions[] = [];
      const found: Proposals[] = [];
      for (const view of views) {
        const outputs = await view.features();
        const [proposals] = await readProposals(rpn, anchors, outputs, view.geometries, view.pause);
        const geometry = { ...itemAt(view.geometries, 0), flipped: view.flipped };
        const { boxes, scores } = itemAt([proposals], 0);
        found.push({ boxes: fromView(boxes, geometry), scores });
        const onRegions: OnRegions = (part, region, on) => runOnRegions(part, region, on, 0, outputs, view.run);
        seen.push({ geometry, onRegions, done: view.networkDone, pause: view.pause });
      }
      return detectInViews(config, seen, mergedProposals(found, rpn).boxes, options);
    },
  };
}

type OnRegions = (part: string, region: RegionConfig, found: Float32Array) => Promise<Named<NDArray>>;

/** One image of a batch. */
interface ImageRegions {
  /** n × xyxy in pixels of the network's input. */
  readonly proposals: Float32Array;
  readonly geometry: Geometry;
  /** Runs a part on regions of this image, see `runOnRegions`. */
  readonly onRegions: OnRegions;
  /** Says that this image needs the network no more. */
  readonly done: () => Promise<void>;
  readonly pause: Pause;
}

async function detectOne(
  config: RcnnConfig | CascadeConfig,
  image: ImageRegions,
  options: DetectOptions,
): Promise<Detections> {
  const { mask, test } = config;
  const { geometry } = image;
  if (image.proposals.length === 0) return nothing(mask !== undefined);
  const found = await detectBoxes(config, image, options);
  if (!mask) return found;
  if (found.scores.length === 0) return nothing(true);
  const { maskSlices, toNetwork } = await arithmetic();
  const logits = await image.onRegions('mask', mask.region, toNetwork(found.boxes, scaleOf(geometry)));
  await image.done();
  const threshold = options.maskThreshold ?? test.maskThreshold;
  const masks = maskSlices(Object.values(logits), found.boxes, found.labels, geometry.original, threshold);
  return { ...found, masks: await inSlices(masks, image.pause) };
}

/** What `detectInViews` needs of one view. */
interface ViewRegions extends Omit<ImageRegions, 'proposals' | 'geometry'> {
  readonly geometry: Geometry & { readonly flipped: boolean };
}

/** Merges the second stages of several views of an image, as mmdet's `aug_test` of `StandardRoIHead` and `CascadeRoIHead` does. */
async function detectInViews(
  config: RcnnConfig | CascadeConfig,
  views: readonly ViewRegions[],
  proposals: Float32Array,
  options: DetectOptions,
): Promise<Detections> {
  const { mask, test } = config;
  if (proposals.length === 0) return nothing(mask !== undefined);
  const { boxMerger, maskMerger, toView } = await import('../postprocess/joining.ts');
  const boxes = boxMerger(itemAt(boxStages(config), -1).config.deltas);
  for (const view of views) {
    const regions = toView(proposals, view.geometry);
    boxes.add({ view: view.geometry, ...(await runStages(config, { ...view, proposals: regions })) });
    await view.pause();
  }
  const found = boxes.detections(thresholdsOf(config, options));
  if (!mask) return found;
  if (found.scores.length === 0) return nothing(true);
  const masks = maskMerger(found.labels);
  for (const { geometry, onRegions, done, pause } of views) {
    const logits = await onRegions('mask', mask.region, toView(found.boxes, geometry));
    await done();
    masks.add(Object.values(logits), geometry.flipped);
    await pause();
  }
  const { geometry, pause } = itemAt(views, 0);
  const threshold = options.maskThreshold ?? test.maskThreshold;
  return { ...found, masks: await inSlices(masks.paste(found.boxes, geometry.original, threshold), pause) };
}

/** Runs the stages. Scores are the softmax of the mean of all stages' logits. Boxes are those of the last stage. */
async function detectBoxes(
  config: RcnnConfig | CascadeConfig,
  image: ImageRegions,
  options: DetectOptions,
): Promise<Detections> {
  const { geometry, pause } = image;
  const { secondStageDetections } = await arithmetic();
  const { regions, logits, deltas } = await runStages(config, image);
  await pause();
  const keep = { coder: itemAt(boxStages(config), -1).config.deltas, ...thresholdsOf(config, options) };
  const seen = { imageSize: geometry.resized, scale: scaleOf(geometry) };
  return secondStageDetections(regions, logits, deltas, seen, keep);
}

const thresholdsOf = ({ test }: RcnnConfig | CascadeConfig, { score, iou, max, labels }: DetectOptions) => ({
  score: score ?? test.score,
  iou: iou ?? test.iou,
  max: max ?? test.max,
  acrossClasses: test.acrossClasses,
  labels,
});

/** Returns the mean of the stages' logits, and the deltas of the last stage with the regions that they belong to. */
async function runStages(
  config: RcnnConfig | CascadeConfig,
  { proposals, geometry, onRegions, pause }: Pick<ImageRegions, 'proposals' | 'geometry' | 'onRegions' | 'pause'>,
) {
  const { meanLogits, refinedRegions } = await arithmetic();
  const stages = boxStages(config);
  const logits: NDArray[] = [];
  let regions = proposals;
  const scoresAndDeltas = async ({ part, config: { region } }: BoxStage) => {
    const outputs = await onRegions(part, region, regions);
    const scores = byName(outputs, 'cls_score');
    logits.push(scores);
    return [scores, byName(outputs, 'bbox_pred')] as const;
  };
  for (const stage of stages.slice(0, -1)) {
    const [scores, deltas] = await scoresAndDeltas(stage);
    await pause();
    regions = refinedRegions(regions, scores, deltas, stage.config.deltas, geometry.resized);
  }
  const [, deltas] = await scoresAndDeltas(itemAt(stages, -1));
  return { regions, logits: meanLogits(logits), deltas };
}

const scaleOf = ({ scaleX, scaleY }: Geometry) => ({ x: scaleX, y: scaleY });

/** Reads the RPN's maps back and turns them into proposals for each image, in pixels of the network's input. */
export async function readProposals(
  { deltas: coder, nmsPre, max, iou, minSize, keepEmpty, acrossLevels }: RpnConfig,
  anchors: readonly AnchorLevel[],
  features: Named<DeviceTensor>,
  images: readonly Geometry[],
  pause: Pause,
): Promise<Proposals[]> {
  const { proposalSlices } = await arithmetic();
  const scores = await readLevels(features, 'rpn_cls', anchors.length);
  const deltas = await readLevels(features, 'rpn_reg', anchors.length);
  const keep = { coder, nmsPre, max, iou, minSize: keepEmpty ? -1 : minSize, acrossLevels };
  const proposals: Proposals[] = [];
  for (const [image, { resized }] of images.entries()) {
    proposals.push(await inSlices(proposalSlices(anchors, scores, deltas, resized, keep, image), pause));
  }
  return proposals;
}

const nothing = (masks: boolean): Detections => ({
  boxes: new Float32Array(0),
  scores: new Float32Array(0),
  labels: new Int32Array(0),
  masks: masks ? [] : undefined,
});

const boxPart = ({ field, part, path, config }: BoxStage, neck: Neck, classes: number): Part =>
  regionPart(part, field, config.region, neck, (scope, x) => {
    const { scores, deltas } = boxHead(scope.at(path), x, config, classes);
    return { cls_score: scores, bbox_pred: deltas };
  });

const maskPart = (config: MaskConfig, paths: Named<string>, neck: Neck, classes: number): Part =>
  regionPart('mask', 'mask', config.region, neck, (scope, x) => {
    const outputs = Object.entries(paths).map(([output, path]) => [
      output,
      maskHead(scope.at(path), x, config, classes),
    ]);
    return Object.fromEntries(outputs);
  });

/**
 * Returns a part on regions. It takes one list of regions per level (n × 5, which may be empty), pools each and joins them, so that nothing
 * needs to be gathered or scattered on the device.
 *
 * @throws ConfigError if regions are pooled from more levels than the neck has, or at other strides
 */
function regionPart(
  name: string,
  field: string,
  { size, strides, samplingRatio, aligned }: RegionConfig,
  { stages }: Neck,
  head: (scope: Scope, pooled: Value) => Named<Value>,
): Part {
  if (strides.length > stages.length) {
    throw new ConfigError(
      `detection.${field}.region.strides: has ${strides.length} levels, the neck gives ${stages.length}.`,
    );
  }
  checkStrides(strides, stages, `detection.${field}.region.strides`);
  const maps = stages.slice(0, strides.length).map(({ channels }) => map(channels));
  return {
    name,
    inputs: { ...named('fpn', maps), ...named('rois', Array<typeof regions>(strides.length).fill(regions)) },
    forward: (scope, inputs) => {
      const pooled = strides.map((stride, i) =>
        F.roiAlign(byName(inputs, `fpn${i}`), byName(inputs, `rois${i}`), {
          outputSize: { height: size, width: size },
          spatialScale: 1 / stride,
          samplingRatio,
          aligned,
        }),
      );
      return head(scope.at('roi_head'), F.concat(pooled, 'batch'));
    },
  };
}

/**
 * The most regions that a part takes at a time. So many keep a processor busy, and the maps of masks, 14×14 and then 28×28, stay in its
 * caches; a thousand boxes take 100 MB, a hundred masks 240.
 */
const mostAtOnce = (part: string): number => (part === 'mask' ? 24 : 256);

/**
 * Runs a part on regions of one image of a batch, in groups of about equal size.
 *
 * @param found n × xyxy in pixels of the network's input
 * @returns the part's outputs, with one row per region in the order of `found`
 */
export async function runOnRegions(
  part: string,
  { strides: { length: levels }, finestScale }: RegionConfig,
  found: Float32Array,
  image: number,
  features: Named<DeviceTensor>,
  run: RunPart,
): Promise<Named<NDArray>> {
  const { sortByLevel, toBoxOrder } = await arithmetic();
  const pyramid = Array.from({ length: levels }, (_, i) => byName(features, `fpn${i}`));
  const count = found.length / 4;
  const groups = Math.max(1, Math.ceil(count / mostAtOnce(part)));
  const length = Math.ceil(count / groups);
  const inOrder: Record<string, NDArray> = {};
  for (let group = 0; group < groups; group++) {
    const first = group * length;
    const sorted = sortByLevel(found.subarray(4 * first, 4 * (first + length)), { finestScale, levels }, image);
    const outputs = await run(part, { ...named('fpn', pyramid), ...named('rois', sorted.regions) });
    for (const [name, array] of Object.entries(await readAndFree(outputs, readAll))) {
      const { shape, data } = toBoxOrder(array, sorted.order);
      const row = shape.slice(1);
      inOrder[name] ??= { shape: [count, ...row], data: new Float32Array(count * sizeOf(row)) };
      inOrder[name].data.set(data, first * sizeOf(row));
    }
  }
  return inOrder;
}
