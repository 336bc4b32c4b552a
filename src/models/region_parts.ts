import { type BoxConfig, boxHead, type RegionConfig } from '../../heads/box.ts';
import type { Neck } from '../../heads/head.ts';
import { type MaskConfig, maskHead } from '../../heads/mask.ts';
import { ConfigError } from '../errors.ts';
import type { Named, NDArray } from '../ndarray.ts';
import { F, map, type Part, type Resident, regions, type Scope, type Value } from '../nn/index.ts';
import { sortByLevel, toBoxOrder } from '../postprocess/regions.ts';
import type { CascadeConfig, RcnnConfig } from './config.ts';
import type { RunPart } from './detector.ts';

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
