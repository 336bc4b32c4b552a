import * as z from 'zod/mini';
import { boxConfig } from '../../heads/box.ts';
import { necks, segmentationHeads } from '../../heads/index.ts';
import { maskConfig } from '../../heads/mask.ts';
import { retinaConfig } from '../../heads/retina.ts';
import { rpnConfig } from '../../heads/rpn.ts';
import { backboneConfigs } from '../backbones/index.ts';
import { type DatasetId, datasetIds } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import { isObject } from '../validate.ts';
import { poseConfig } from './pose_config.ts';

/** The configuration of a model: plain JSON data, which says everything that the network depends on. */

const dataset = z.optional(z.enum(datasetIds));
const classes = z.array(z.string().check(z.minLength(1))).check(z.minLength(1));
/** The classes of a task: the id of a data set, or their names. `datasetOf` turns both forms into a data set. */
const labels = { dataset, classes: z.optional(classes) };

/** Checks that a task has its classes in exactly one form. */
const labelled = <S extends z.ZodMiniType<{ dataset?: unknown; classes?: unknown }>>(schema: S): S =>
  schema.check(
    z.superRefine(
      ({ dataset, classes }, context) => {
        if ((dataset === undefined) !== (classes === undefined)) return;
        const choice = `name a data set as "dataset" (${datasetIds.join(', ')}) or list "classes"`;
        const isMissing = dataset === undefined;
        const message = isMissing ? choice : `${choice}, not both`;
        context.addIssue({ code: 'custom', path: [isMissing ? 'dataset' : 'classes'], message, input: classes });
      },
      // reported together with the faults of other fields
      { when: ({ value }) => isObject(value) },
    ),
  );

const threshold = z.number().check(z.minimum(0), z.maximum(1));
/** Two edges in pixels that the image is fitted between: the larger bounds its long side, the smaller its short side. */
const scale = z.tuple([z.int().check(z.positive()), z.int().check(z.positive())]);
const size = z.strictObject({ height: z.int().check(z.positive()), width: z.int().check(z.positive()) });
const three = z.tuple([z.number(), z.number(), z.number()]);
const threePositive = z.tuple([
  z.number().check(z.positive()),
  z.number().check(z.positive()),
  z.number().check(z.positive()),
]);
const neck = z.discriminatedUnion('type', [necks.fpn.config]);

/** How an image is resized, and padded right and below. */
const fitting = (fit: [number, number]) => ({
  scale: z._default(scale, fit),
  /** The multiple that the edges of the input are rounded up to: by padding for detection, by stretching for segmentation. */
  divisor: z._default(z.int().check(z.positive()), 32),
  /** If false, the image is resized to `scale` exactly, width first. By default true. */
  keepRatio: z.optional(z.boolean()),
  /** The input is padded to at least this size. */
  padSize: z.optional(size),
  /** The values of the padding, after the normalisation: one, or one per channel in the network's order. By default 0. */
  padValue: z.optional(z.union([z.number(), three])),
});

const inputConfig = (fit: [number, number]) => z.strictObject(fitting(fit));
export type InputConfig = z.output<ReturnType<typeof inputConfig>>;

const segmentationInput = z.strictObject({
  ...fitting([2048, 512]),
  /** The stretched image is padded to a multiple of it. By default 1. */
  padDivisor: z.optional(z.int().check(z.positive())),
});

/** The default input of a custom head or a bare backbone. */
export const defaultInput = { scale: [1333, 800], divisor: 32 } satisfies InputConfig;

/** The normalisation of pixels: (byte − mean) / std, per channel in the network's order. */
export const imageConfig = z.strictObject({
  mean: z._default(three, [123.675, 116.28, 103.53]),
  std: z._default(threePositive, [58.395, 57.12, 57.375]),
  channelOrder: z._default(z.enum(['rgb', 'bgr']), 'rgb'),
});
export type ImageConfig = z.output<typeof imageConfig>;

/** Thresholds of the instances that are kept. */
const keep = {
  score: z._default(threshold, 0.05),
  iou: z._default(threshold, 0.5),
  max: z._default(z.int().check(z.positive()), 100),
  /** Drops the worse of two boxes whatever their classes. By default only within a class. */
  acrossClasses: z.optional(z.boolean()),
};

/** The fields of every detector. */
const detector = {
  ...labels,
  neck,
  input: inputConfig([1333, 800]),
};

const twoStage = {
  ...detector,
  /**
   * The place of the background among the outputs of the classifier in the checkpoint, which `classes` does not list: first as in torchvision,
   * Detectron and maskrcnn-benchmark. By default last, as in mmdet and Detectron2.
   */
  background: z.optional(z.enum(['first', 'last'])),
  rpn: rpnConfig,
  test: z.strictObject({ ...keep, maskThreshold: z._default(threshold, 0.5) }),
};

/** Mask R-CNN (arXiv 1703.06870). */
export const rcnnConfig = labelled(
  z.strictObject({
    type: z.literal('mask_rcnn'),
    ...twoStage,
    box: boxConfig,
    /** Without it, detections have no masks (Faster R-CNN). */
    mask: z.optional(maskConfig),
  }),
);
export type RcnnConfig = z.output<typeof rcnnConfig>;

/** Cascade Mask R-CNN (arXiv 1712.00726). */
export const cascadeConfig = labelled(
  z.strictObject({
    type: z.literal('cascade_mask_rcnn'),
    ...twoStage,
    /** One per stage. Each runs on the boxes of the stage before. */
    box: z.array(boxConfig).check(z.minLength(1)),
    /** Every stage has a head of this form. All run on the last boxes. Without it, detections have no masks (Cascade R-CNN). */
    mask: z.optional(maskConfig),
  }),
);
export type CascadeConfig = z.output<typeof cascadeConfig>;

/** RetinaNet (arXiv 1708.02002). */
export const retinaNetConfig = labelled(
  z.strictObject({
    type: z.literal('retinanet'),
    ...detector,
    head: retinaConfig,
    test: z.strictObject({
      ...keep,
      /** The most pairs of anchor and class that are decoded per level. */
      nmsPre: z._default(z.int().check(z.positive()), 1000),
      /** Boxes whose edge is at most this are dropped, in pixels of the input. */
      minSize: z._default(z.number().check(z.nonnegative()), 0),
      /** Keeps boxes of any size, even those without an area. */
      keepEmpty: z.optional(z.boolean()),
    }),
  }),
);
export type RetinaNetConfig = z.output<typeof retinaNetConfig>;

/** The configuration of any detector. */
export type DetectionConfig = RcnnConfig | CascadeConfig | RetinaNetConfig;

const semanticHeads = Object.values(segmentationHeads).map(({ config }) => config);
type SemanticHead = (typeof semanticHeads)[number];

const segmentation = (head: z.ZodMiniDiscriminatedUnion<readonly [SemanticHead, ...SemanticHead[]], 'type'>) =>
  labelled(
    z.strictObject({
      ...labels,
      /** Between the backbone and the heads. */
      neck: z.optional(neck),
      head,
      /** Further heads for training, one or a list. They are in the checkpoint, but inference does not need them. */
      auxiliary: z.optional(z.union([head, z.array(head).check(z.minLength(1))])),
      /**
       * The head has one channel: a pixel has class 1 if the sigmoid of its logit is greater, else class 0. One class is always
       * told from the background so, by default at 0.3. Two classes are with this field only.
       */
      threshold: z.optional(threshold),
      /**
       * Runs on overlapping windows of the input and takes the mean of their logits, by default each with the same weight (`mean`). By
       * default on the whole input.
       */
      slide: z.optional(z.strictObject({ crop: size, stride: size, blend: z.optional(z.enum(['mean', 'hann'])) })),
      input: segmentationInput,
    }),
  );
export type SegmentationConfig = z.output<ReturnType<typeof segmentation>>;

const classificationConfig = labelled(
  z.strictObject({
    dataset,
    /** Names, or only their number. */
    classes: z.optional(z.union([classes, z.int().check(z.positive())])),
    /** Resizes the short side to floor(size / cropPct) and crops the square of `size` pixels in the middle. */
    input: z.prefault(
      z.strictObject({
        size: z._default(z.int().check(z.positive()), 224),
        cropPct: z._default(z.number().check(z.positive(), z.maximum(1)), 0.9),
        interpolation: z._default(z.enum(['bicubic', 'bilinear']), 'bicubic'),
      }),
      {},
    ),
  }),
);
export type ClassificationConfig = z.output<typeof classificationConfig>;

/** A custom part, of which only the type is checked. Its factory checks the rest. */
const custom = z.looseObject({ type: z.string() });

interface Schemas {
  readonly detectors: Readonly<Record<string, { readonly config: z.core.$ZodType }>>;
  readonly segmentationHeads: Readonly<Record<string, { readonly config: z.core.$ZodType }>>;
}

/** Returns the schema of a part. @throws ConfigError if it does not have the part's `type` as a literal, by which it is found */
function withType(config: z.core.$ZodType, type: string): z.core.$ZodType {
  if (config._zod.propValues?.type?.has(type)) return config;
  throw new ConfigError(`the schema of "${type}" lacks its type: add \`type: z.literal('${type}')\`.`);
}

/** Returns the schema of configurations that may name the entries of the tables. */
export function modelSchema(tables: Schemas) {
  // a caller's tables may have more entries: the types of a configuration cover those of the package
  const optionsOf = <T>(table: Schemas[keyof Schemas]) =>
    Object.entries(table).map(([type, { config }]) => withType(config, type)) as [T, ...T[]];
  type DetectorSchema = typeof rcnnConfig | typeof cascadeConfig | typeof retinaNetConfig;
  return z.strictObject({
    name: z.optional(z.string()),
    backbone: z.discriminatedUnion('type', backboneConfigs),
    detection: z.optional(z.discriminatedUnion('type', optionsOf<DetectorSchema>(tables.detectors))),
    segmentation: z.optional(
      segmentation(z.discriminatedUnion('type', optionsOf<SemanticHead>(tables.segmentationHeads))),
    ),
    classification: z.optional(classificationConfig),
    pose: z.optional(poseConfig),
    /** A custom head. */
    head: z.optional(custom),
    /** The input of a custom head or a bare backbone. Other tasks have an `input` in their own field. */
    input: z.optional(inputConfig(defaultInput.scale)),
    image: z.prefault(imageConfig, {}),
  });
}

type ModelSchema = ReturnType<typeof modelSchema>;

type Written = z.input<ModelSchema>;

/** The entries of one of the tables of `Tables`. There are none if the tables lack it. */
type TableOf<Tables, Name extends string> = Tables extends { readonly [N in Name]?: infer Table }
  ? NonNullable<Table>
  : never;

/** The configuration of a factory in a table, under its name. A factory that takes anything may have any fields. */
type FactoryField<Name, Factory> = { readonly type: Name } & (Factory extends (
  config: infer Config,
  ...others: never
) => unknown
  ? unknown extends Config
    ? Readonly<Record<string, unknown>>
    : Omit<Config, 'type'>
  : never);

type FactoryFields<Table> = { [Name in keyof Table]: FactoryField<Name, Table[Name]> }[keyof Table];
type SchemaFields<Table> = {
  [Name in keyof Table]: Table[Name] extends { readonly config: infer Schema extends z.core.$ZodType }
    ? z.input<Schema>
    : never;
}[keyof Table];

type WrittenSegmentation = NonNullable<Written['segmentation']>;
type CustomSegmentation<Head> = [Head] extends [never]
  ? never
  : Omit<WrittenSegmentation, 'head' | 'auxiliary'> & {
      head: WrittenSegmentation['head'] | Head;
      auxiliary?: WrittenSegmentation['auxiliary'] | Head | Head[];
    };

/**
 * A configuration as it is written: fields with defaults may be left out.
 *
 * @template Tables the type of the tables with the custom parts that it names (`typeof tables`). By default it names parts of the package.
 */
export type ModelConfig<Tables = object> = Omit<Written, 'backbone' | 'detection' | 'segmentation'> & {
  backbone: Written['backbone'] | FactoryFields<TableOf<Tables, 'backbones'>>;
  detection?: Written['detection'] | SchemaFields<TableOf<Tables, 'detectors'>>;
  segmentation?: Written['segmentation'] | CustomSegmentation<SchemaFields<TableOf<Tables, 'segmentationHeads'>>>;
};

/** A configuration with every default filled in. */
export type ResolvedConfig = z.output<ModelSchema>;

/** Returns the classes of a task for the number of classes of its head. `channels` is 1 if one channel tells two classes apart. */
export type ClassesOf = (
  count: number,
  channels?: number,
) => { dataset?: DatasetId | undefined; classes?: string[] | undefined };
