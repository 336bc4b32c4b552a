import * as z from 'zod/mini';
import { ConfigError } from '../../errors.ts';
import { foundIn, isObject, validate } from '../../validate.ts';
import type { ModelConfig } from '../config.ts';
import { byType, count, none, off, plainPart, unneeded } from './parts.ts';

/**
 * Reads the test pipelines of mm, which are a closed list of steps: an image is loaded as BGR bytes, resized, turned into numbers and
 * padded. A step or an argument that would give other pixels is refused by its name.
 */

/** The normalisation of images. */
export type Image = NonNullable<ModelConfig['image']>;
/** A value of the padding, or one for each channel. */
export type PadValue = number | [number, number, number];

export interface Padding {
  readonly divisor?: number | undefined;
  readonly size?: { height: number; width: number } | undefined;
  readonly value: PadValue;
  /** The padding comes before the normalisation, which then applies to it. Its channels are in the order of the bytes. */
  readonly inBytes: boolean;
}

/** The effect of the steps of a pipeline. */
export interface Pipeline {
  /** The order of the channels as the image is loaded. */
  readonly order: 'rgb' | 'bgr';
  readonly scale?: [number, number];
  readonly keepRatio?: boolean;
  /** The multiple that the resized image is stretched to. */
  readonly stretch?: number;
  /** Absent if no step normalises. */
  readonly image?: Image;
  readonly pad?: Padding;
  /** MultiScaleFlipAug lacks its steps: only the scale is known. */
  readonly isCut?: boolean;
  /** A step collects the result, so that none is missing. */
  readonly isComplete?: boolean;
}

/** The steps so far, and where they are. */
interface Seen extends Pipeline {
  /** The scale that MultiScaleFlipAug gives to the steps inside of it. */
  readonly given?: [number, number];
  /** A preprocessor follows, as in mm 3.x. */
  readonly isNewer: boolean;
}

const where = 'test pipeline';
const refused = (path: string, message: string) => new ConfigError(`${where}: ${path}: ${message}`);

const edges = z.tuple([count, count]);
/** One scale: a pair, a number for both edges, or a list of one. */
const scale = z.optional(
  z.pipe(
    z.unknown(),
    z.transform((value, context): [number, number] | undefined => {
      if (value === undefined || value === null) return undefined;
      const one: unknown = Array.isArray(value) && value.length === 1 ? value[0] : value;
      const read = edges.safeParse(typeof one === 'number' ? [one, one] : one);
      if (read.success) return read.data;
      const message =
        'must be one scale of two whole edges (several are an option of predict: { scales: [0.75, 1, 1.25] })';
      context.issues.push({ code: 'custom', message, input: value });
      return z.NEVER;
    }),
  ),
);

const type = z.string();
const resizing = {
  type,
  scale_factor: none,
  interpolation: z.nullish(z.literal('bilinear')),
  backend: z.optional(z.literal('cv2')),
  // of boxes, and of several scales
  ...unneeded('bbox_clip_border', 'clip_object_border', 'multiscale_mode'),
};
const resizeOptions = {
  ...resizing,
  img_scale: scale,
  scale,
  ratio_range: none,
  keep_ratio: z.optional(z.boolean()),
};

/** Resizes between two edges, or exactly. mm 2.x keeps the ratio by default, mm 3.x does not. */
function resized(
  name: string,
  options: {
    scale?: [number, number] | undefined;
    img_scale?: [number, number] | undefined;
    keep_ratio?: boolean | undefined;
  },
  seen: Seen,
): Partial<Seen> {
  if (seen.scale) throw refused(name, 'the image is resized a second time, which is not supported.');
  if (seen.image || seen.pad) throw refused(name, 'comes after Normalize or Pad. It is supported before them only.');
  const fit = seen.given ?? options.scale ?? options.img_scale;
  if (!fit) throw refused(`${name}.scale`, 'must be one scale of two whole edges, got nothing.');
  return { scale: fit, keepRatio: options.keep_ratio ?? (seen.given !== undefined || options.scale === undefined) };
}

function stretched(name: string, divisor: number, seen: Seen): Partial<Seen> {
  if (!seen.scale || seen.image || seen.pad)
    throw refused(name, 'must come after Resize, and before Normalize and Pad.');
  if (seen.stretch) throw refused(name, 'the image is stretched a second time, which is not supported.');
  return { stretch: divisor };
}

const padValues = z.union([z.number(), z.tuple([z.number(), z.number(), z.number()])]);
const padOptions = z.strictObject({
  type,
  size: z.nullish(edges),
  size_divisor: z.nullish(count),
  pad_to_square: off,
  pad_val: z._default(
    z.union([padValues, z.strictObject({ img: z.optional(padValues), ...unneeded('masks', 'seg') })]),
    0,
  ),
  padding_mode: z.optional(z.literal('constant')),
  ...unneeded('seg_pad_val'),
});

function padded({ size, size_divisor, pad_val }: z.output<typeof padOptions>, seen: Seen): Partial<Seen> {
  if (seen.isNewer) {
    const instead = 'pad by data_preprocessor: pad_size_divisor (mmdet), or test_cfg.size_divisor (mmseg)';
    throw refused('Pad', `before a data_preprocessor, mm takes the padding for a part of the image: ${instead}.`);
  }
  if (seen.pad) throw refused('Pad', 'the image is padded a second time, which is not supported.');
  if (Boolean(size) === Boolean(size_divisor)) throw refused('Pad', 'takes either a size or a size_divisor.');
  const value = typeof pad_val === 'object' && !Array.isArray(pad_val) ? (pad_val.img ?? 0) : pad_val;
  const [height, width] = size ?? [];
  return {
    pad: {
      divisor: size_divisor ?? undefined,
      size: height && width ? { height, width } : undefined,
      value,
      inBytes: !seen.image,
    },
  };
}

const three = z.tuple([z.number(), z.number(), z.number()]);
/** The arguments of mmcv's Normalize, which mm 2.x also keeps as `img_norm_cfg`. */
export const normalization = z.strictObject({ mean: three, std: three, to_rgb: z._default(z.boolean(), true) });

/** Returns the order after a step that reverses it, or not. */
export const orderAfter = (order: 'rgb' | 'bgr', isReversed: boolean): 'rgb' | 'bgr' =>
  isReversed ? (order === 'bgr' ? 'rgb' : 'bgr') : order;

const chance = z.nullish(z.number().check(z.minimum(0), z.maximum(1)));
const steps = z.array(z.unknown());
const views = z
  .array(z.unknown())
  .check(
    z.length(1, 'must have one entry: several views are an option of predict, { flip: true, scales: [0.75, 1, 1.25] }'),
  );

/** Official configurations have `flip=False`: mirrored views are a choice of the caller. */
const upright = z.nullish(
  z.literal(false, { error: 'must be false: mirrored views are an option of predict, { flip: true }' }),
);

/** A step: the schema of its arguments, and their effect. */
interface Step {
  apply(options: unknown, seen: Seen): Partial<Seen>;
}

function step<S extends z.ZodMiniObject>(
  schema: S,
  apply: (options: z.output<S>, seen: Seen) => Partial<Seen> = () => ({}),
): Step {
  return {
    apply: (options, seen) => {
      const { type } = options as { type: string }; // by which the step was found
      return apply(validate(schema, options, `${where}: ${type}`), seen);
    },
  };
}

const load = step(
  z.strictObject({
    type,
    to_float32: off,
    color_type: z.optional(z.literal('color')),
    channel_order: z._default(z.enum(['bgr', 'rgb']), 'bgr'),
    imdecode_backend: z.optional(z.enum(['cv2', 'pillow', 'turbojpeg'])),
    ...unneeded('file_client_args', 'backend_args', 'ignore_empty'),
  }),
  ({ channel_order }) => ({ order: channel_order }),
);

/** A step that packs the result for the network. */
const packing = (...names: string[]) =>
  step(z.strictObject({ type, ...unneeded(...names) }), () => ({ isComplete: true }));

const resize = step(z.strictObject({ ...resizeOptions, min_size: none, override: off }), (options, seen) =>
  resized('Resize', options, seen),
);

const table: Readonly<Record<string, Step>> = {
  LoadImageFromFile: load,
  LoadImageFromWebcam: load,
  LoadImageFromNDArray: load,
  LoadAnnotations: step(
    z.strictObject({
      type,
      ...unneeded('with_bbox', 'with_label', 'with_mask', 'with_seg', 'with_keypoints', 'poly2mask', 'denorm_bbox'),
      ...unneeded('box_type', 'file_client_args', 'backend_args', 'imdecode_backend'),
      ...unneeded('reduce_zero_label', 'ignore_index'),
    }),
  ),
  Resize: resize,
  FixScaleResize: step(z.strictObject(resizeOptions), (options, seen) => {
    if (options.keep_ratio) {
      throw refused(
        'FixScaleResize.keep_ratio',
        'with true, edges are rounded down, which is not supported. Use Resize.',
      );
    }
    return resized('FixScaleResize', { ...options, keep_ratio: false }, seen);
  }),
  ResizeShortestEdge: step(
    z.strictObject({
      ...resizing,
      scale: z.union([count, edges]),
      max_size: z.nullish(count),
      resize_type: z.optional(z.literal('Resize')),
      ...unneeded('keep_ratio'), // the size that it gives to Resize has the ratio of the image
    }),
    ({ scale, max_size }, seen) => {
      const short = typeof scale === 'number' ? scale : Math.min(...scale);
      const long = max_size ?? 16_384; // no input is longer
      if (long < short)
        throw refused('ResizeShortestEdge.max_size', `must be at least the scale ${short}, got ${long}.`);
      return resized('ResizeShortestEdge', { scale: [long, short], keep_ratio: true }, seen);
    },
  ),
  AlignResize: step(z.strictObject({ ...resizeOptions, size_divisor: z._default(count, 32) }), (options, seen) => {
    const { scale, keepRatio = true } = resized('AlignResize', { keep_ratio: true, ...options }, seen);
    return { scale, keepRatio, stretch: options.size_divisor } as Partial<Seen>;
  }),
  ResizeToMultiple: step(
    z.strictObject({ type, size_divisor: z._default(count, 32), interpolation: z.nullish(z.literal('bilinear')) }),
    ({ size_divisor }, seen) => stretched('ResizeToMultiple', size_divisor, seen),
  ),
  RandomFlip: step(
    z.strictObject({ type, flip_ratio: chance, prob: chance, ...unneeded('direction', 'swap_seg_labels') }),
    ({ flip_ratio, prob }, seen) => {
      if (seen.given || !(prob || flip_ratio)) return {}; // MultiScaleFlipAug says itself whether to flip
      throw refused(
        `RandomFlip.${prob ? 'prob' : 'flip_ratio'}`,
        `must be 0 in a test pipeline, got ${prob || flip_ratio}.`,
      );
    },
  ),
  Normalize: step(z.extend(normalization, { type }), ({ mean, std, to_rgb }, seen) => {
    if (seen.image) throw refused('Normalize', 'the image is normalised a second time, which is not supported.');
    return { image: { mean, std, channelOrder: orderAfter(seen.order, to_rgb) } };
  }),
  Pad: step(padOptions, padded),
  ImageToTensor: packing('keys'),
  ToTensor: packing('keys'),
  DefaultFormatBundle: packing('img_to_float', 'pad_val'),
  Collect: packing('keys', 'meta_keys'),
  PackDetInputs: packing('meta_keys'),
  PackSegInputs: packing('meta_keys'),
  MultiScaleFlipAug: step(
    z.strictObject({
      type,
      transforms: z.optional(steps),
      img_scale: scale,
      scales: scale,
      scale_factor: none,
      img_ratios: z.nullish(z.union([z.number().check(z.positive()), z.tuple([z.number().check(z.positive())])])),
      flip: upright,
      allow_flip: upright,
      resize_cfg: z.optional(z.looseObject({})),
      ...unneeded('flip_direction', 'flip_cfg'),
    }),
    ({ transforms, img_scale, scales, img_ratios, resize_cfg }, seen) => {
      if (scales) {
        const first = { type: 'Resize', keep_ratio: true, ...resize_cfg, scale: scales };
        return applied([first, ...(transforms ?? [])], seen);
      }
      if (!img_scale)
        throw refused('MultiScaleFlipAug.img_scale', 'must be one scale of two whole edges, got nothing.');
      const ratio = [img_ratios].flat()[0] ?? 1;
      const given = img_scale.map((edge) => Math.floor(edge * ratio)) as [number, number];
      if (!transforms) return { scale: given, isCut: true };
      const { given: _, ...after } = applied(transforms, { ...seen, given });
      return after;
    },
  ),
  TestTimeAug: step(z.strictObject({ type, transforms: z.array(views) }), ({ transforms }, seen) =>
    applied(transforms.flat(), seen),
  ),
};

/** Applies steps one after another. @throws UnsupportedError for a step that is not in the table */
function applied(list: readonly unknown[], start: Seen): Seen {
  let seen = start;
  for (const [i, entry] of list.entries()) {
    const found = plainPart(entry);
    if (!isObject(found) || typeof found.type !== 'string') {
      throw refused(`step ${i}`, `must be an object with a type, got ${foundIn(entry)}.`);
    }
    seen = { ...seen, ...byType(table, found.type, `step of the ${where}`).apply(found, seen) };
  }
  return seen;
}

/**
 * Reads a test pipeline.
 *
 * @param isNewer a preprocessor follows it, as in mm 3.x
 * @throws UnsupportedError for an unknown step; ConfigError for an argument that is not supported, or if no step resizes
 */
export function pipelineFromMm(list: readonly unknown[], isNewer: boolean): Pipeline {
  const packs = (entry: unknown) => isObject(entry) && /(^|\.)Pack(Det|Seg)Inputs$/.test(`${entry.type}`);
  const {
    given: _,
    isNewer: __,
    ...pipeline
  } = applied(list, {
    order: 'bgr',
    isNewer: isNewer || list.some(packs),
  });
  if (pipeline.scale) return pipeline;
  const resizes = 'Resize, AlignResize, ResizeShortestEdge';
  throw new ConfigError(`${where}: no step resizes the image, which is not supported. Add one of ${resizes}.`);
}
