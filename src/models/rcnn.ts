import { boxHead, type RegionConfig } from '../../heads/box.ts';
import type { Neck } from '../../heads/head.ts';
import { maskHead } from '../../heads/mask.ts';
import { type RpnConfig, rpnHead } from '../../heads/rpn.ts';
import type { Geometry } from '../image/geometry.ts';
import type { Named, NDArray } from '../ndarray.ts';
import { F, map, type Part, type Resident, regions, type Scope, type Value } from '../nn/index.ts';
import { type AnchorLevel, anchorLevels } from '../postprocess/anchors.ts';
import { toNetwork } from '../postprocess/boxes.ts';
import type { Detections } from '../postprocess/detections.ts';
import { pasteMasks } from '../postprocess/masks.ts';
import { type Proposals, proposalsFrom } from '../postprocess/proposals.ts';
import { sortByLevel, toBoxOrder } from '../postprocess/regions.ts';
import { secondStageDetections } from '../postprocess/second_stage.ts';
import type { RcnnConfig } from './config.ts';
import type { DetectOptions, Detector, RunPart } from './detector.ts';

/**
 * Mask R-CNN (arXiv 1703.06870) as mmdet runs it: proposals from every level, boxes for the proposals, masks for the
 * boxes that stay. The parts `box` and `mask` take one group of regions per level (n may be 0) and join them, so that no
 * gather is needed on the device.
 */
export function rcnn(config: RcnnConfig, neck: Neck): Detector {
  const { rpn, box, mask, test, classes } = config;
  const anchors = anchorLevels(rpn.anchors);
  const pooled = (count: number) => neck.stages.slice(0, count).map(({ channels }) => map(channels));

  const regionPart = (
    name: string,
    region: RegionConfig,
    head: (scope: Scope, pooled: Value) => Named<Value>,
  ): Part => ({
    name,
    inputs: {
      ...named('fpn', pooled(region.strides.length)),
      ...named(
        'rois',
        region.strides.map(() => regions),
      ),
    },
    forward: (scope, inputs) => {
      const levels = region.strides.map((stride, i) =>
        F.roiAlign(inputs[`fpn${i}`]!, inputs[`rois${i}`]!, {
          outputSize: { height: region.size, width: region.size },
          spatialScale: 1 / stride,
          samplingRatio: region.samplingRatio,
          aligned: region.aligned,
        }),
      );
      return head(scope.at('roi_head'), F.concat(levels, 'batch'));
    },
  });

  const parts = [
    regionPart('box', box.region, (scope, x) => {
      const { scores, deltas } = boxHead(scope.at('bbox_head'), x, box, classes.length);
      return { cls_score: scores, bbox_pred: deltas };
    }),
  ];
  if (mask) {
    parts.push(
      regionPart('mask', mask.region, (scope, x) => ({
        mask_logits: maskHead(scope.at('mask_head'), x, mask, classes.length),
      })),
    );
  }

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
    parts,

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
    { original, resized, scaleX, scaleY }: Geometry,
    proposals: Float32Array,
    run: RunPart,
    options: DetectOptions,
  ): Promise<Detections> {
    const scale = { x: scaleX, y: scaleY };
    if (proposals.length === 0) return empty(mask !== undefined);
    const { cls_score, bbox_pred } = await runOnRegions('box', box.region, proposals, image, features, run);
    const found = secondStageDetections(
      proposals,
      cls_score!,
      bbox_pred!,
      { imageSize: resized, scale },
      {
        coder: box.deltas,
        scoreThreshold: options.score ?? test.scoreThr,
        iouThreshold: options.iou ?? test.nmsIou,
        maxPerImage: options.max ?? test.maxPerImage,
      },
    );
    if (!mask) return found;
    if (found.scores.length === 0) return empty(true);
    const boxes = toNetwork(found.boxes, scale);
    const { mask_logits } = await runOnRegions('mask', mask.region, boxes, image, features, run);
    return { ...found, masks: pasteMasks(mask_logits!, found.boxes, found.labels, original, test.maskThr) };
  }
}

/** The RPN's maps read back and turned into each image's proposals, in the network's pixels. */
export async function readProposals(
  config: RpnConfig,
  anchors: readonly AnchorLevel[],
  features: Named<Resident>,
  images: readonly Geometry[],
): Promise<Proposals[]> {
  const read = (name: string) => Promise.all(anchors.map((_, i) => features[`${name}${i}`]!.read()));
  const [scores, deltas] = [await read('rpn_cls'), await read('rpn_reg')];
  const { deltas: coder, nmsPre, maxPerImage, nmsIou: iouThreshold, minSize: minBoxSize } = config;
  return images.map(({ resized }, image) =>
    proposalsFrom(anchors, scores, deltas, resized, { coder, nmsPre, maxPerImage, iouThreshold, minBoxSize }, image),
  );
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

const empty = (masks: boolean): Detections => ({
  boxes: new Float32Array(0),
  scores: new Float32Array(0),
  labels: new Int32Array(0),
  ...(masks ? { masks: [] } : {}),
});

/** `fpn` and a list → { fpn0, fpn1, … } */
function named<T>(prefix: string, list: readonly T[]): Named<T> {
  return Object.fromEntries(list.map((value, i) => [`${prefix}${i}`, value]));
}

async function mapAsync<T, R>(values: Named<T>, each: (value: T) => Promise<R>): Promise<Named<R>> {
  return Object.fromEntries(
    await Promise.all(Object.entries(values).map(async ([name, value]) => [name, await each(value)] as const)),
  );
}
