import type * as z from 'zod/mini';
import type { Neck } from '../../heads/head.ts';
import { necks } from '../../heads/index.ts';
import type { AnchorConfig } from '../../heads/rpn.ts';
import { itemAt, type Named, type Size } from '../arrays.ts';
import type { Stage } from '../backbones/index.ts';
import { type Dataset, datasetOf } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import { prepareDetection } from '../image/preprocess.ts';
import type { Part, Scope, Value } from '../nn/index.ts';
import { type AnchorLevel, anchorLevels } from '../postprocess/anchors.ts';
import type { Detections } from '../postprocess/detections.ts';
import type { PartDetections } from '../postprocess/merge.ts';
import type { DetectionConfig, ImageConfig } from './config.ts';
import {
  fitImages,
  type ImageTask,
  labelsOf,
  ofLabels,
  pickDetections,
  refuseViews,
  type TaskInputs,
  type TaskOptions,
  type TiledRun,
  type View,
} from './task.ts';
import type { Tiling } from './tiles.ts';

/** The caller's values for a detector. What is absent comes from its configuration. */
export interface DetectOptions extends Pick<TaskOptions, 'score' | 'iou' | 'max' | 'maskThreshold'> {
  /** The labels of the classes to keep. A detector that leaves the others out early has more room in `max`; they are dropped in any case. */
  readonly labels?: ReadonlySet<number> | undefined;
}

/** A detection method: dense layers on the pyramid, parts on regions, and arithmetic between them. */
export interface Detector {
  /** First names of its state-dict keys, with the neck's. */
  readonly modules: readonly string[];
  /** Records the dense layers into the part `features`. `detect` reads the outputs by name. */
  forward(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  /** Parts that `detect` runs on regions. Empty for single-stage detectors. */
  readonly parts: readonly Part[];
  /** Returns one result per image of the batch, best first, in pixels of the original image. */
  detect(inputs: TaskInputs, options: DetectOptions): Promise<Detections[]>;
  /** Merges several views of one image to one result. A detector without it takes one view at a time. */
  detectViews?(views: readonly View[], options: DetectOptions): Promise<Detections>;
}

/** A kind of detector: the schema of its field in a configuration, and the function that makes it on a neck. */
export interface DetectorEntry<C = never> {
  readonly config: z.core.$ZodType;
  readonly make: (config: C, neck: Neck, classes: number) => Detector;
}

/** A box that ends within so many pixels of the network's input from an inner edge of a tile is cut by it. */
const edgeMargin = 2;

/**
 * Finds objects: mmdet's detectors on a backbone of four stages and a neck.
 *
 * @throws ConfigError if the backbone does not have four stages, or if anchors or regions do not fit the neck's levels
 */
export function detectionTask(
  config: DetectionConfig,
  image: ImageConfig,
  stages: readonly Stage[],
  { make }: DetectorEntry<DetectionConfig>,
): ImageTask {
  if (stages.length !== 4) {
    throw new ConfigError(`detection needs a backbone of four stages, this one has ${stages.length}.`);
  }
  const dataset = datasetOf(config);
  const neck = necks[config.neck.type].make(config.neck, stages);
  const detector = make(config, neck, dataset.classes.length);
  const detectViews = detector.detectViews?.bind(detector);
  return {
    kind: 'detection',
    dataset,
    modules: detector.modules,
    forward: detector.forward,
    parts: detector.parts,
    prepare: (images, size, scale) =>
      fitImages(images, config.input, size, (raster, fit) => prepareDetection(raster, { ...image, ...fit }), scale),
    check: (options) => {
      labelsOf(options.classes ?? [], dataset.classes);
      if (!detectViews) refuseViews(`the detector "${config.type}"`, options);
    },
    inTiles: (size, { classes, ...options }, tiling) =>
      tiledRun(detector, dataset, size, { ...options, labels: classes && labelsOf(classes, dataset.classes) }, tiling),
    predict: async (inputs, { classes, ...options }) => {
      const labels = classes && labelsOf(classes, dataset.classes);
      const results = await detector.detect(inputs, { ...options, labels });
      return results.map((found) => ({ detections: { ...ofLabels(found, labels), dataset } }));
    },
    predictViews:
      detectViews &&
      (async (views, { classes, ...options }) => {
        const labels = classes && labelsOf(classes, dataset.classes);
        const found = await detectViews(views, { ...options, labels });
        return { detections: { ...ofLabels(found, labels), dataset } };
      }),
  };
}

/** Detects in each tile, and joins what is found after the last. */
async function tiledRun(
  detector: Detector,
  dataset: Dataset,
  size: Size,
  options: DetectOptions,
  { whole, edges, merge, iou }: Tiling,
): Promise<TiledRun> {
  const { mergeDetections, uncut } = await import('../postprocess/joining.ts');
  const parts: PartDetections[] = [];
  return {
    takesWhole: whole,
    async add(inputs, part) {
      const [found] = await detector.detect(inputs, options);
      if (!found) return;
      const wanted = ofLabels(found, options.labels);
      const { scaleX, scaleY } = itemAt(inputs.geometries, 0);
      const margin = { x: edgeMargin / scaleX, y: edgeMargin / scaleY };
      const kept = edges === 'drop' ? pickDetections(wanted, uncut(wanted, part, size, margin)) : wanted;
      parts.push({ part, found: kept });
    },
    async finish(pause) {
      await pause();
      return { detections: { ...mergeDetections(parts, size, { merge, iou, max: options.max }), dataset } };
    },
  };
}

/**
 * Returns the anchors of the neck's levels.
 *
 * @param path of the anchors in a configuration
 * @throws ConfigError if the numbers of levels or the strides differ
 */
export function anchorsOf(anchors: AnchorConfig, { stages }: Neck, path: string): AnchorLevel[] {
  const { strides, baseSizes, centers } = anchors;
  if (strides.length !== stages.length) {
    throw new ConfigError(
      `${path}.strides: has ${strides.length} levels, the neck gives ${stages.length}: ` +
        `${stages.map(({ stride }) => stride).join(', ')}.`,
    );
  }
  checkStrides(strides, stages, `${path}.strides`);
  for (const [name, list] of Object.entries({ baseSizes, centers })) {
    if (list && list.length !== strides.length) {
      throw new ConfigError(`${path}.${name}: has ${list.length} levels, strides has ${strides.length}.`);
    }
  }
  return anchorLevels(anchors);
}

/**
 * Checks that strides are those of the levels that they belong to, finest first. There may be more levels.
 *
 * @param path of the strides in a configuration
 * @throws ConfigError naming the first that differs
 */
export function checkStrides(strides: readonly number[], stages: readonly Stage[], path: string): void {
  for (const [i, stride] of strides.entries()) {
    const level = stages[i];
    if (level && level.stride !== stride) {
      throw new ConfigError(
        `${path}.${i}: is ${stride}, but level ${i} of the neck has the stride ${level.stride} (detection.neck.startLevel, outs).`,
      );
    }
  }
}
