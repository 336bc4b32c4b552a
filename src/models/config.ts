import * as z from 'zod';
import { boxConfig } from '../../heads/box.ts';
import { neckConfigs, segmentationHeadConfigs } from '../../heads/index.ts';
import { maskConfig } from '../../heads/mask.ts';
import { retinaConfig } from '../../heads/retina.ts';
import { rpnConfig } from '../../heads/rpn.ts';
import { backboneConfigs } from '../backbones/index.ts';
import { type DatasetId, datasetIds } from '../datasets/index.ts';

/** The configuration of a model: plain data, JSON as it stands. What is written here is all that the network depends on. */

const dataset = z.enum(datasetIds).optional();
const classes = z.array(z.string().min(1)).min(1);
/** The classes of a task: the id of a data set, or their names. `datasetOf` gives both forms as one value. */
const labels = { dataset, classes: classes.optional() };

/** Checks that a task says its classes exactly once. */
const labelled = <S extends z.ZodType<{ dataset?: unknown; classes?: unknown }>>(schema: S): S =>
  schema.check(
    z.superRefine(
      ({ dataset, classes }, context) => {
        if ((dataset === undefined) !== (classes === undefined)) return;
        const choice = `name a data set as "dataset" (${datasetIds.join(', ')}) or list "classes"`;
        const message = dataset === undefined ? choice : `${choice}, not both`;
        context.addIssue({ code: 'custom', path: ['classes'], message, input: classes });
      },
      // beside the faults of other fields
      { when: ({ value }) => typeof value === 'object' && value !== null },
    ),
  );

const threshold = z.number().min(0).max(1);
/** Two edges that the image is fitted between: the larger bounds its long side, the smaller its short side. */
const scale = z.tuple([z.int().positive(), z.int().positive()]);
const size = z.strictObject({ height: z.int().positive(), width: z.int().positive() });
const three = z.tuple([z.number(), z.number(), z.number()]);
const threePositive = z.tuple([z.number().positive(), z.number().positive(), z.number().positive()]);
const neck = z.discriminatedUnion('type', neckConfigs);

/** How bytes become numbers: (byte − mean) / std, per channel in the network's order. */
export const imageConfig = z.strictObject({
  mean: three.default([123.675, 116.28, 103.53]),
  std: threePositive.default([58.395, 57.12, 57.375]),
  channelOrder: z.enum(['rgb', 'bgr']).default('rgb'),
});

/** What is kept of what was found. */
const keep = {
  score: threshold.default(0.05),
  iou: threshold.default(0.5),
  max: z.int().positive().default(100),
};

/** What every detector has. */
const detector = {
  ...labels,
  neck,
  input: z.strictObject({ scale: scale.default([1333, 800]), divisor: z.int().positive().default(32) }),
};

const twoStage = {
  ...detector,
  rpn: rpnConfig,
  test: z.strictObject({ ...keep, maskThreshold: threshold.default(0.5) }),
};

export const rcnnConfig = labelled(
  z.strictObject({
    type: z.literal('mask_rcnn'),
    ...twoStage,
    box: boxConfig,
    /** Without it the detector gives boxes only (Faster R-CNN). */
    mask: maskConfig.optional(),
  }),
);
export type RcnnConfig = z.output<typeof rcnnConfig>;

export const cascadeConfig = labelled(
  z.strictObject({
    type: z.literal('cascade_mask_rcnn'),
    ...twoStage,
    /** One per stage, each on the boxes of the one before. */
    box: z.array(boxConfig).min(1),
    /** Every stage has a head of this form, all on the last boxes. Without it the detector gives boxes only (Cascade R-CNN). */
    mask: maskConfig.optional(),
  }),
);
export type CascadeConfig = z.output<typeof cascadeConfig>;

export const retinaNetConfig = labelled(
  z.strictObject({
    type: z.literal('retinanet'),
    ...detector,
    head: retinaConfig,
    test: z.strictObject({
      ...keep,
      /** Pairs of anchor and class of a level that are decoded. */
      nmsPre: z.int().positive().default(1000),
      minSize: z.number().nonnegative().default(0),
    }),
  }),
);
export type RetinaNetConfig = z.output<typeof retinaNetConfig>;

export const detectorConfigs = [rcnnConfig, cascadeConfig, retinaNetConfig] as const;
export type DetectorConfig = z.output<(typeof detectorConfigs)[number]>;

const segmentationHead = z.discriminatedUnion('type', segmentationHeadConfigs);

export const segmentorConfig = labelled(
  z.strictObject({
    ...labels,
    /** Between the backbone and the heads. */
    neck: neck.optional(),
    head: segmentationHead,
    /** Trained beside the head and in the checkpoint; inference does not need it. */
    auxiliary: segmentationHead.optional(),
    /** Looks at windows of the input that overlap, and takes the mean of their logits; without, at all of it at once. */
    slide: z.strictObject({ crop: size, stride: size }).optional(),
    input: z.strictObject({ scale: scale.default([2048, 512]), divisor: z.int().positive().default(32) }),
  }),
);
export type SegmentorConfig = z.output<typeof segmentorConfig>;

export const classifierConfig = labelled(
  z.strictObject({
    dataset,
    /** Names, or only their number. */
    classes: z.union([classes, z.int().positive()]).optional(),
    /** The square of `size` pixels in the middle of the picture, whose short side is resized to floor(size / cropPct). */
    input: z
      .strictObject({
        size: z.int().positive().default(224),
        cropPct: z.number().positive().max(1).default(0.9),
        interpolation: z.enum(['bicubic', 'bilinear']).default('bicubic'),
      })
      .prefault({}),
  }),
);
export type ClassifierConfig = z.output<typeof classifierConfig>;

/** A part of which only the type is known here: the tables handed to `createModel` know the rest. */
const own = z.looseObject({ type: z.string() });

export const modelConfig = z.strictObject({
  name: z.string().optional(),
  backbone: z.discriminatedUnion('type', backboneConfigs),
  detection: z.discriminatedUnion('type', detectorConfigs).optional(),
  segmentation: segmentorConfig.optional(),
  classification: classifierConfig.optional(),
  /** A head of one's own. */
  head: own.optional(),
  /** What its image is fitted into; the other heads have theirs in their own part. */
  input: z.strictObject({ scale: scale.default([1333, 800]), divisor: z.int().positive().default(32) }).optional(),
  image: imageConfig.prefault({}),
});

/** As written: fields with defaults may be left out. */
export type ModelConfig = Omit<z.input<typeof modelConfig>, 'backbone'> & {
  backbone: z.input<typeof modelConfig>['backbone'] | z.input<typeof own>;
};

/** As used: every field filled. */
export type ResolvedConfig = z.output<typeof modelConfig>;

/** Gives the classes of a task for the number that its head has. */
export type ClassesOf = (count: number) => { dataset?: DatasetId | undefined; classes?: string[] | undefined };
