import * as z from 'zod/mini';
import { ConfigError } from '../errors.ts';
import type { Raster } from '../image/raster.ts';
import {
  drawClassification,
  drawDetections,
  drawPoses,
  drawSegmentation,
  type OverlayOptions,
  type PoseOptions,
  sideBySide,
} from '../render/index.ts';
import { isObject } from '../validate.ts';
import { checkDetection, hasDetection, type ResultFields, withoutTask } from './fields.ts';

/** Draws a result: which task, and with which options. */

const drawings = ['detection', 'segmentation', 'classification', 'pose'] as const;
/** A task whose result can be drawn. */
export type Drawing = (typeof drawings)[number];

/**
 * What is drawn, and how. `lineWidth` is that of boxes, and of the limbs of poses. The boxes in which poses were looked for, and labels
 * with their scores, are drawn with `boxes: true` and `labels: true`.
 */
export interface RenderOptions extends OverlayOptions {
  /**
   * The task whose result is drawn; several are drawn side by side. By default the first of pose, detection, segmentation and
   * classification that the result has.
   */
  readonly draw?: Drawing | readonly Drawing[] | undefined;
  /** Keypoints below this score, and the limbs to them, are not drawn. By default 0.3. */
  readonly pointScore?: number | undefined;
  /** The radius of the discs of keypoints, 0 for none. By default 1.2 of the limbs' width, at least 2. */
  readonly pointRadius?: number | undefined;
  /** The colours of poses, by side of the body. By default left is green, right blue, head and trunk orange. */
  readonly poseColors?: PoseOptions['colors'];
  /** 0 to 1. By default poses are opaque. */
  readonly poseOpacity?: number | undefined;
}

const fraction = z.optional(z.number().check(z.minimum(0), z.maximum(1)));
const pixels = z.optional(z.number().check(z.gt(0), z.lt(1e6)));
const isFunction = (value: unknown): boolean => typeof value === 'function';

const isColor = (value: unknown): boolean =>
  Array.isArray(value) && value.length === 3 && value.every((one) => Number.isInteger(one) && one >= 0 && one <= 255);
const isPalette = (value: unknown): boolean => Array.isArray(value) && value.every(isColor);
const areSides = (value: unknown): boolean =>
  isObject(value) &&
  Object.keys(value).length === 3 &&
  [value.left, value.right, value.trunk].every((color) => isColor(color));

/** The schema of the options of `render`. */
export const renderOptions = z.strictObject({
  draw: z.optional(z.union([z.enum(drawings), z.array(z.enum(drawings)).check(z.minLength(1))])),
  palette: z.optional(
    z.custom<OverlayOptions['palette']>(isPalette, 'must be a list of colours, each [red, green, blue] from 0 to 255'),
  ),
  colorBy: z.optional(z.enum(['class', 'instance'])),
  boxes: z.optional(z.boolean()),
  masks: z.optional(z.boolean()),
  labels: z.optional(z.boolean()),
  labelOf: z.optional(z.custom<(index: number) => string>(isFunction, 'must be a function')),
  maskOpacity: fraction,
  contourOpacity: fraction,
  boxOpacity: fraction,
  labelOpacity: fraction,
  moreGlyphs: z.optional(z.custom<OverlayOptions['moreGlyphs']>()),
  onMissingGlyphs: z.optional(z.custom<(characters: readonly string[]) => void>(isFunction, 'must be a function')),
  lineWidth: pixels,
  contourWidth: pixels,
  textSize: pixels,
  pointScore: z.optional(z.number()),
  pointRadius: z.optional(z.number().check(z.minimum(0), z.lt(1e6))),
  poseColors: z.optional(
    z.custom<PoseOptions['colors']>(
      areSides,
      'must be { left, right, trunk }, each a colour [red, green, blue] from 0 to 255',
    ),
  ),
  poseOpacity: fraction,
} satisfies Record<keyof RenderOptions, z.ZodMiniType>);

type Option = Exclude<keyof RenderOptions, 'draw'>;

/** Fonts belong to a program and not to a drawing, and go with every one. */
const fontOptions = ['moreGlyphs', 'onMissingGlyphs'] as const satisfies readonly Option[];

const boxOptions = [
  ...(['textSize', 'palette', 'colorBy', 'boxes', 'labels', 'labelOf'] as const),
  ...(['boxOpacity', 'labelOpacity', 'lineWidth'] as const),
] satisfies readonly Option[];

/** The options that each drawing uses besides those of fonts. */
const usedOptions: Readonly<Record<Drawing, readonly Option[]>> = {
  detection: [...boxOptions, 'masks', 'maskOpacity', 'contourOpacity', 'contourWidth'],
  segmentation: ['textSize', 'palette', 'maskOpacity', 'contourOpacity'],
  classification: ['textSize'],
  pose: [...boxOptions, 'pointScore', 'pointRadius', 'poseColors', 'poseOpacity'],
};

/** Checks that each option has an effect. @throws ConfigError for an option that nothing of what is drawn uses */
export function checkUsed(options: Readonly<Partial<Record<Option, unknown>>>, drawn: readonly Drawing[]): void {
  const used = new Set<Option>([...drawn.flatMap((task) => usedOptions[task]), ...fontOptions]);
  const unused = (Object.keys(options) as Option[]).find((name) => options[name] !== undefined && !used.has(name));
  if (unused === undefined) return;
  const users = drawings.filter((task) => usedOptions[task].includes(unused));
  throw new ConfigError(
    `render: ${unused} has no effect on ${drawn.join(' and ')}. Used are ${[...used].join(', ')}. Leave it out, or draw the ${users.join(' or ')}.`,
  );
}

/** Returns the task that is drawn if the caller names none. */
function usualDrawing(result: ResultFields): Drawing {
  if (result.poses) return 'pose';
  if (hasDetection(result)) return 'detection';
  if (result.segmentation) return 'segmentation';
  return result.classification ? 'classification' : 'detection';
}

/**
 * Draws tasks on copies of the image, several side by side.
 *
 * @throws RangeError if a task that is to be drawn did not run
 */
export function drawResult(result: ResultFields, { draw, ...options }: RenderOptions): Raster {
  const [first, ...others] = [draw ?? usualDrawing(result)].flat().map((task) => drawTask(result, task, options));
  if (!first) throw new RangeError('there is nothing to draw.');
  return others.length === 0 ? first : sideBySide([first, ...others].map((raster) => ({ raster })));
}

function drawTask(result: ResultFields, task: Drawing, options: Omit<RenderOptions, 'draw'>): Raster {
  const { pointScore, pointRadius, poseColors, poseOpacity, ...overlay } = options;
  const { image, classification, segmentation, poses } = result;
  const { moreGlyphs, onMissingGlyphs, textSize } = overlay;
  const text = { moreGlyphs, onMissingGlyphs, textSize };
  switch (task) {
    case 'detection':
      checkDetection(result);
      return drawDetections(image, result, overlay);
    case 'classification':
      if (!classification) throw withoutTask(task);
      return drawClassification(image, classification, text);
    case 'segmentation': {
      if (!segmentation) throw withoutTask(task);
      const { labels, classes, dataset } = segmentation;
      const { palette, maskOpacity: opacity, contourOpacity: borderOpacity } = overlay;
      return drawSegmentation(image, labels, { classes, dataset, palette, opacity, borderOpacity, legend: text });
    }
    case 'pose': {
      if (!poses) throw withoutTask(task);
      const { boxes = false, labels = false, lineWidth } = overlay;
      const { points, pointScores, scores, dataset } = poses;
      const { classes, keypoints } = dataset;
      const found = { boxes: poses.boxes, scores, labels: new Int32Array(scores.length), classes };
      const below = boxes || labels ? drawDetections(image, found, { ...overlay, boxes, labels }) : image;
      const how = { score: pointScore, lineWidth, pointRadius, colors: poseColors, opacity: poseOpacity };
      return drawPoses(below, { points, pointScores, keypoints }, how);
    }
  }
}
