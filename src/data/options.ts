import * as z from 'zod/mini';
import { validateOptions } from '../validate.ts';
import { dataFormats } from './image_set.ts';

/** How a data set is opened. What is left out is found in the folder. */

/** Options of `openDataset`. */
export type OpenDatasetOptions = z.input<typeof schema>;

const text = z.string().check(z.minLength(1));

const schema = /* @__PURE__ */ z.strictObject({
  /** The layout, by default recognised by what is in the folder. */
  format: z.optional(z.enum(dataFormats)),
  /** The part of the data set: `train`, `val`, … By default the only one; of several `val`, else `test`, else `train`. */
  split: z.optional(text),
  /** The file that states what is there, below the folder: COCO's JSON, YOLO's `data.yaml`, CVAT's XML. */
  annotations: z.optional(text),
  /** The folder of the images, below the folder. */
  images: z.optional(z.string()),
  /** The folder of the label maps, below the folder. */
  labels: z.optional(z.string()),
  /** Names of the classes, for layouts whose files do not name them. */
  classes: z.optional(z.array(text).check(z.minLength(1))),
  /** The task that the labels are for. VOC lists images by task; COCO has one file for boxes and masks, and another one for keypoints. */
  task: z.optional(z.enum(['detection', 'segmentation', 'pose'])),
  /** The value of label maps that says "not labelled". Default 255. */
  ignore: z.optional(z.int().check(z.minimum(0), z.maximum(65_535))),
  /** Label 0 means "not labelled", and label 1 is the first class. */
  reduceZeroLabel: z.optional(z.boolean()),
});

/** The options as the readers of layouts get them. */
export type Options = z.output<typeof schema>;

/** Checks the options of `openDataset`. @throws ConfigError that names the option */
export const checkedOptions = (options: OpenDatasetOptions): Options => validateOptions(schema, options, 'openDataset');
