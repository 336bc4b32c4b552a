import type * as z from 'zod';
import type { Neck } from '../../heads/head.ts';
import { necks } from '../../heads/index.ts';
import type { AnchorConfig } from '../../heads/rpn.ts';
import type { Named } from '../arrays.ts';
import type { Stage } from '../backbones/index.ts';
import { datasetOf } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import { prepareDetection } from '../image/preprocess.ts';
import type { Part, Scope, Value } from '../nn/index.ts';
import { type AnchorLevel, anchorLevels } from '../postprocess/anchors.ts';
import type { Detections } from '../postprocess/detections.ts';
import type { DetectionConfig, ImageConfig } from './config.ts';
import { fitImages, labelsOf, pickDetections, type Task, type TaskInputs, type TaskOptions } from './task.ts';

/** The part of a model that finds objects: dense layers on the pyramid, parts on regions, and arithmetic between them. */
export interface Detector {
  /** First names of its keys, the neck's included. */
  readonly modules: readonly string[];
  /** Records into the part `features`. `detect` reads the outputs by name. */
  forward(scope: Scope, pyramid: readonly Value[]): Named<Value>;
  readonly parts: readonly Part[];
  /** Returns one result per image of the batch, best first, in pixels of the original image. */
  detect(inputs: TaskInputs, options: TaskOptions): Promise<Detections[]>;
}

/** A kind of detector: what a configuration may say about it, and how it is made on a neck. */
export interface DetectorEntry<C = never> {
  readonly config: z.ZodType;
  readonly make: (config: C, neck: Neck, classes: number) => Detector;
}

/** @throws ConfigError if the backbone does not have four stages, or anchors and regions do not fit the neck's levels */
export function detectionTask(
  config: DetectionConfig,
  image: ImageConfig,
  stages: readonly Stage[],
  { make }: DetectorEntry<DetectionConfig>,
): Task {
  if (stages.length !== 4) {
    throw new ConfigError(`detection needs a backbone of four stages, this one has ${stages.length}.`);
  }
  const dataset = datasetOf(config);
  const neck = necks[config.neck.type].make(config.neck, stages);
  const detector = make(config, neck, dataset.classes.length);
  return {
    kind: 'detection',
    dataset,
    modules: detector.modules,
    forward: detector.forward,
    parts: detector.parts,
    prepare: (images, size) =>
      fitImages(images, config.input, size, (raster, fit) => prepareDetection(raster, { ...image, ...fit })),
    check: ({ classes = [] }) => void labelsOf(classes, dataset.classes),
    predict: async (inputs, options) => {
      const wanted = options.classes && labelsOf(options.classes, dataset.classes);
      const results = await detector.detect(inputs, options);
      return results.map((found) => {
        const kept = wanted && [...found.labels.keys()].filter((i) => wanted.has(found.labels[i] as number));
        return { detections: { ...(kept ? pickDetections(found, kept) : found), dataset } };
      });
    },
  };
}

/** @throws ConfigError if the number of anchor levels differs from the neck's */
export function anchorsOf(anchors: AnchorConfig, { stages }: Neck): AnchorLevel[] {
  if (anchors.strides.length !== stages.length) {
    throw new ConfigError(
      `anchors.strides has ${anchors.strides.length} levels, the neck gives ${stages.length}: ` +
        `${stages.map(({ stride }) => stride).join(', ')}.`,
    );
  }
  return anchorLevels(anchors);
}
