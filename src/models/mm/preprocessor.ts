import * as z from 'zod/mini';
import { ConfigError } from '../../errors.ts';
import { isObject } from '../../validate.ts';
import { count, parsePart, unneeded } from './parts.ts';
import { type Image, orderAfter, type Padding } from './pipeline.ts';

/** Reads the preprocessors of mm 3.x, which normalise and pad the bytes that a pipeline has loaded and resized. */

const numbers = z.array(z.number()).check(
  z.refine(({ length }) => length === 1 || length === 3, {
    error: 'must have one entry or three',
  }),
);

const reversing = {
  type: z.string(),
  bgr_to_rgb: z._default(z.boolean(), false),
  rgb_to_bgr: z._default(z.boolean(), false),
};
const normalising = { ...reversing, mean: z.nullish(numbers), std: z.nullish(numbers) };

const img = z.strictObject({
  ...normalising,
  pad_size_divisor: z._default(count, 1),
  pad_value: z._default(z.number(), 0),
  ...unneeded('non_blocking'),
});
const det = z.extend(
  img,
  unneeded('pad_mask', 'mask_pad_value', 'pad_seg', 'seg_pad_value', 'boxtype2tensor', 'batch_augments'),
);
const seg = z.pipe(
  z.strictObject({
    ...normalising,
    pad_val: z._default(z.number(), 0),
    test_cfg: z.nullish(
      z.strictObject({ size: z.nullish(z.tuple([count, count])), size_divisor: z.nullish(count) }).check(
        z.refine(({ size, size_divisor }) => Boolean(size) !== Boolean(size_divisor), {
          error: 'must have either a size or a size_divisor',
        }),
      ),
    ),
    // of the training: tests pad by `test_cfg`
    ...unneeded('size', 'size_divisor', 'seg_pad_val', 'batch_augments'),
  }),
  z.transform(({ pad_val, test_cfg, ...rest }) => ({
    ...rest,
    pad_value: pad_val,
    pad_size_divisor: test_cfg?.size_divisor ?? 1,
    pad_size: test_cfg?.size ?? undefined,
  })),
);
const pose = z.extend(img, unneeded('batch_augments'));
const base = z.strictObject({ type: z.string(), ...unneeded('non_blocking') });

/** What a preprocessor does. */
export interface Preprocessor {
  readonly image: Image;
  readonly pad: Padding;
}

/**
 * Reads a preprocessor.
 *
 * @param order of the channels that the pipeline loads
 * @param usual the type if the dict has none
 * @throws UnsupportedError for an unknown type, ConfigError if a field does not fit
 */
export function preprocessorFromMm(dict: unknown, order: 'rgb' | 'bgr', usual: string): Preprocessor {
  const typed = isObject(dict) && dict.type === undefined ? { ...dict, type: usual } : dict;
  const schemas = {
    DetDataPreprocessor: det,
    SegDataPreProcessor: seg,
    PoseDataPreprocessor: pose,
    ImgDataPreprocessor: img,
    BaseDataPreprocessor: base,
  };
  const read: Partial<z.output<typeof seg>> = parsePart<(typeof schemas)[keyof typeof schemas]>(
    schemas,
    typed,
    'mm model',
    'data_preprocessor',
  );
  const { mean, std, bgr_to_rgb = false, rgb_to_bgr = false, pad_size, pad_size_divisor = 1, pad_value = 0 } = read;
  const what = 'mm model: data_preprocessor';
  if (bgr_to_rgb && rgb_to_bgr)
    throw new ConfigError(`${what}: rgb_to_bgr: must not be true together with bgr_to_rgb.`);
  if (Boolean(mean) !== Boolean(std)) {
    throw new ConfigError(`${what}: ${mean ? 'std' : 'mean'}: must be given, since ${mean ? 'mean' : 'std'} is.`);
  }
  const [height, width] = pad_size ?? [];
  return {
    image: {
      mean: threeOf(mean ?? [0]),
      std: threeOf(std ?? [1]),
      // both arguments reverse the channels
      channelOrder: orderAfter(order, bgr_to_rgb || rgb_to_bgr),
    },
    pad: {
      divisor: pad_size_divisor,
      size: height && width ? { height, width } : undefined,
      value: pad_value,
      inBytes: false,
    },
  };
}

/** One number is for all channels. */
function threeOf([first = 0, second = first, third = second]: readonly number[]): [number, number, number] {
  return [first, second, third];
}
