import type { Neck } from '../../heads/head.ts';
import { type RpnConfig, rpnHead } from '../../heads/rpn.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Named } from '../ndarray.ts';
import type { Resident } from '../nn/index.ts';
import type { AnchorLevel } from '../postprocess/anchors.ts';
import { toNetwork } from '../postprocess/boxes.ts';
import { meanLogits, refinedRegions } from '../postprocess/cascade.ts';
import type { Detections } from '../postprocess/detections.ts';
import { pasteMasks } from '../postprocess/masks.ts';
import { type Proposals, proposalsFrom } from '../postprocess/proposals.ts';
import { secondStageDetections } from '../postprocess/second_stage.ts';
import { anchorsOf, readLevels } from './anchor_levels.ts';
import type { CascadeConfig, RcnnConfig } from './config.ts';
import type { DetectOptions, Detector, RunPart } from './detector.ts';
import { boxPart, maskPart, named, regionHeads, runOnRegions } from './region_parts.ts';

/**
 * Mask R-CNN (arXiv 1703.06870) and Cascade Mask R-CNN (arXiv 1712.00726) as mmdet runs them: proposals from every level,
 * boxes for the proposals (in a cascade each stage starts from the boxes of the one before), masks for the boxes that stay.
 */
export function rcnn(config: RcnnConfig | CascadeConfig, neck: Neck): Detector {
  const { rpn, test, classes } = config;
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
    return { ...found, masks: pasteMasks(maps, found.boxes, found.labels, geometry.original, test.maskThr) };
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
        scoreThreshold: options.score ?? test.scoreThr,
        iouThreshold: options.iou ?? test.nmsIou,
        maxPerImage: options.max ?? test.maxPerImage,
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
  const { deltas: coder, nmsPre, maxPerImage, nmsIou: iouThreshold, minSize: minBoxSize } = config;
  return images.map(({ resized }, image) =>
    proposalsFrom(anchors, scores, deltas, resized, { coder, nmsPre, maxPerImage, iouThreshold, minBoxSize }, image),
  );
}

const empty = (masks: boolean): Detections => ({
  boxes: new Float32Array(0),
  scores: new Float32Array(0),
  labels: new Int32Array(0),
  ...(masks ? { masks: [] } : {}),
});
