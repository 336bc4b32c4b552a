import * as z from 'zod/mini';
import { type HeatmapConfig, oddSide } from '../../../heads/heatmap.ts';
import type { Stage } from '../../backbones/index.ts';
import { ConfigError } from '../../errors.ts';
import { isObject, validate } from '../../validate.ts';
import type { PoseConfig } from '../pose_config.ts';
import { checkLevels, count, none, off, parsePart, type Source, training, unneeded, written } from './parts.ts';

/**
 * Reads the top-down pose models of mmpose: `TopDown` of 0.x, `TopdownPoseEstimator` of 1.x. Defaults are those of their version. A value
 * that would need another network or another decoding is refused by its name.
 */

const what = 'mmpose model';
const kernels = z.array(z.union([z.literal(4), z.literal(3), z.literal(2)]));

/** The configuration of a head, and the index of the backbone's output that it reads. A negative one counts from the last. */
interface ReadHead {
  readonly maps: number;
  readonly index: number;
  readonly head: HeatmapConfig;
  /** The codec of 1.x, which also says the input's size. */
  readonly decoder?: unknown;
}

const simpleHead = z.pipe(
  z
    .strictObject({
      type: z.literal('TopdownHeatmapSimpleHead'),
      in_channels: z.optional(count),
      out_channels: count,
      num_deconv_layers: z._default(z.int().check(z.nonnegative()), 3),
      num_deconv_filters: z._default(z.array(count), [256, 256, 256]),
      num_deconv_kernels: z._default(kernels, [4, 4, 4]),
      extra: z.nullish(
        z.strictObject({
          final_conv_kernel: z._default(z.union([z.literal(0), z.literal(1), z.literal(3)]), 1),
          num_conv_layers: z._default(z.int().check(z.nonnegative(), z.maximum(32)), 0),
          num_conv_kernels: z.nullish(z.array(oddSide)),
        }),
      ),
      in_index: z._default(z.int(), 0),
      input_transform: none,
      align_corners: off,
      ...unneeded('loss_keypoint', 'train_cfg', 'test_cfg'),
    })
    .check(
      z.superRefine(({ num_deconv_layers, num_deconv_filters, num_deconv_kernels, in_channels, extra }, context) => {
        // mmpose's defaults are for three layers; without any, it does not look at them
        for (const [field, list] of Object.entries({ num_deconv_filters, num_deconv_kernels })) {
          if (num_deconv_layers === 0 || list.length === num_deconv_layers) continue;
          const message = `must have one entry for each of the ${num_deconv_layers} num_deconv_layers`;
          context.addIssue({ code: 'custom', path: [field], message, input: list });
        }
        const { num_conv_layers = 0, num_conv_kernels } = extra ?? {};
        if (num_conv_kernels && num_conv_kernels.length < num_conv_layers) {
          const message = `must have one entry for each of the ${num_conv_layers} num_conv_layers`;
          context.addIssue({ code: 'custom', path: ['extra', 'num_conv_kernels'], message, input: num_conv_kernels });
        }
        if (num_conv_layers > 0 && num_deconv_layers === 0 && in_channels === undefined) {
          const message = 'must be given: num_conv_layers have as many channels';
          context.addIssue({ code: 'custom', path: ['in_channels'], message, input: in_channels });
        }
      }),
    ),
  z.transform((head): ReadHead => {
    const { num_deconv_layers: layers, extra, in_channels = 0 } = head;
    const channels = head.num_deconv_filters.slice(0, layers);
    const { final_conv_kernel: finalKernel = 1, num_conv_layers = 0, num_conv_kernels } = extra ?? {};
    const convs = Array.from({ length: num_conv_layers }, (_, i) => ({
      channels: channels.at(-1) ?? in_channels,
      kernel: num_conv_kernels?.[i] ?? 1,
    }));
    return {
      maps: head.out_channels,
      index: head.in_index,
      head: {
        ...heatmap(channels, head.num_deconv_kernels.slice(0, layers)),
        // without a last convolution mmpose makes none of those before it
        convs: finalKernel === 0 || convs.length === 0 ? undefined : convs,
        finalKernel,
      },
    };
  }),
);

const lists = (channels: string, kernels: string): z.core.$ZodCheck<Record<string, unknown>> =>
  z.superRefine((head, context) => {
    const [a, b] = [head[channels], head[kernels]];
    if (!Array.isArray(a) || a.length === 0 || (Array.isArray(b) && b.length === a.length)) return;
    const message = `must have one entry for each of the ${a.length} ${channels}`;
    context.addIssue({ code: 'custom', path: [kernels], message, input: b });
  });

/** The last convolution of 1.x, whose size is that of its input: the head of a model gives heatmaps of one size. */
const lastConv = z
  .strictObject({
    type: z.optional(z.literal('Conv2d')),
    kernel_size: z._default(oddSide, 1),
    padding: z._default(z.int().check(z.nonnegative()), 0),
    stride: z.optional(z.literal(1)),
    dilation: z.optional(z.literal(1)),
    groups: z.optional(z.literal(1)),
    bias: z.optional(z.literal(true)),
  })
  .check(
    z.superRefine(({ kernel_size, padding }, context) => {
      const same = (kernel_size - 1) / 2;
      if (padding === same) return;
      const message = `must be ${same} with kernel_size ${kernel_size}, which keeps the size of the heatmap`;
      context.addIssue({ code: 'custom', path: ['padding'], message, input: padding });
    }),
  );

const heatmapHead = z.pipe(
  z
    .strictObject({
      type: z.literal('HeatmapHead'),
      in_channels: z.optional(z.union([count, z.array(count)])),
      out_channels: count,
      deconv_out_channels: z._default(z.nullable(z.array(count)), [256, 256, 256]),
      deconv_kernel_sizes: z._default(z.nullable(kernels), [4, 4, 4]),
      conv_out_channels: z.nullish(z.array(count)),
      conv_kernel_sizes: z.nullish(z.array(oddSide)),
      final_layer: z._default(z.nullable(lastConv), { kernel_size: 1, padding: 0 }),
      // of the first versions of 1.x
      has_final_layer: z._default(z.boolean(), true),
      input_transform: z.optional(z.literal('select')),
      input_index: z._default(z.int(), -1),
      align_corners: off,
      decoder: z.optional(z.unknown()),
      ...unneeded('loss', 'init_cfg'),
    })
    .check(lists('deconv_out_channels', 'deconv_kernel_sizes'), lists('conv_out_channels', 'conv_kernel_sizes')),
  z.transform((head): ReadHead => {
    const channels = head.deconv_out_channels ?? [];
    const convs = (head.conv_out_channels ?? []).map((count, i) => ({
      channels: count,
      kernel: head.conv_kernel_sizes?.[i] ?? 1, // never: there is one for each
    }));
    return {
      maps: head.out_channels,
      index: head.input_index,
      head: {
        ...heatmap(channels, channels.length > 0 ? (head.deconv_kernel_sizes ?? []) : []),
        convs: convs.length > 0 ? convs : undefined,
        finalKernel: head.has_final_layer && head.final_layer ? head.final_layer.kernel_size : 0,
      },
      decoder: head.decoder,
    };
  }),
);

/** The transposed convolutions. Kernels are left out if all are the usual ones. */
function heatmap(
  channels: number[],
  sizes: NonNullable<HeatmapConfig['kernels']>,
): Pick<HeatmapConfig, 'type' | 'channels' | 'kernels'> {
  const usual = sizes.length === channels.length && sizes.every((kernel) => kernel === 4);
  return { type: 'heatmap_head', channels, kernels: usual ? undefined : sizes };
}

const heads = { TopdownHeatmapSimpleHead: simpleHead, HeatmapHead: heatmapHead } as const;

/**
 * Reads a head of heatmaps.
 *
 * @throws UnsupportedError naming the type of a head that is not read, ConfigError if a field does not fit
 */
export const poseHeadFromMm = (head: unknown, part = 'keypoint_head'): ReadHead =>
  parsePart<(typeof heads)[keyof typeof heads]>(heads, head, what, part);

type Test = Partial<PoseConfig['test']>;

/** The names that mmpose's ways of decoding have in this package. */
const decodings = { none: 'none', default: 'quarter', unbiased: 'dark', megvii: 'megvii' } as const;

/** `test_cfg` of 0.x. `post_process: true` and `false` are older spellings. */
const test0 = z.pipe(
  z.strictObject({
    flip_test: z._default(z.boolean(), true),
    shift_heatmap: z._default(z.boolean(), false),
    post_process: z._default(z.nullable(z.union([z.enum(['default', 'unbiased', 'megvii']), z.boolean()])), 'default'),
    unbiased_decoding: z._default(z.boolean(), false),
    modulate_kernel: z._default(oddSide, 11),
    use_udp: z._default(z.boolean(), false),
    target_type: z._default(z.enum(['GaussianHeatmap', 'GaussianHeatMap', 'CombinedTarget']), 'GaussianHeatmap'),
    valid_radius_factor: z._default(z.number().check(z.positive()), 0.0546875),
    regression_flip_shift: off,
  }),
  z.transform((test, context): Test => {
    const refuse = (path: string, message: string) => {
      context.issues.push({ code: 'custom', path: [path], message, input: test[path as keyof typeof test] });
      return z.NEVER;
    };
    const { use_udp, unbiased_decoding, post_process } = test;
    if (test.target_type === 'CombinedTarget' && !use_udp) return refuse('target_type', 'needs use_udp');
    if (post_process === 'megvii' && (use_udp || unbiased_decoding))
      return refuse('post_process', 'is "megvii", which takes neither use_udp nor unbiased_decoding');
    if (!post_process && unbiased_decoding) return refuse('unbiased_decoding', 'needs a post_process');
    const usual = unbiased_decoding ? 'unbiased' : 'default';
    const named = post_process === true || post_process === 'default' ? usual : post_process || 'none';
    return {
      flip: test.flip_test,
      shift: test.shift_heatmap,
      decode: use_udp ? 'udp' : decodings[named],
      blur: test.modulate_kernel,
      target: test.target_type === 'CombinedTarget' ? 'offset' : 'peak',
      offsetRadius: test.valid_radius_factor,
    };
  }),
);

/** `test_cfg` of 1.x, whose decoding is that of the codec. */
const test1 = z.pipe(
  z.strictObject({
    flip_test: z._default(z.boolean(), false),
    flip_mode: z._default(z.enum(['heatmap', 'udp_combined']), 'heatmap'),
    shift_heatmap: z._default(z.boolean(), false),
    ...unneeded('output_heatmaps'),
  }),
  z.transform((test): Test1 => ({ flip: test.flip_test, shift: test.shift_heatmap, flipMode: test.flip_mode })),
);

type Test1 = Test & { readonly flipMode: 'heatmap' | 'udp_combined' };

const pair = z.tuple([count, count]);
const codecFields = { input_size: pair, heatmap_size: z.optional(pair), ...unneeded('sigma') };

const codecs = {
  MegviiHeatmap: z.pipe(
    z.strictObject({ type: z.literal('MegviiHeatmap'), ...codecFields, kernel_size: oddSide }),
    z.transform(({ input_size, kernel_size }) => ({
      input_size,
      test: { decode: 'megvii', blur: kernel_size } as Test,
    })),
  ),
  MSRAHeatmap: z.pipe(
    z.strictObject({
      type: z.literal('MSRAHeatmap'),
      ...codecFields,
      unbiased: z._default(z.boolean(), false),
      blur_kernel_size: z._default(oddSide, 11),
    }),
    z.transform(({ input_size, unbiased, blur_kernel_size }) => ({
      input_size,
      test: { decode: unbiased ? 'dark' : 'quarter_1x', blur: blur_kernel_size } as Test,
    })),
  ),
  UDPHeatmap: z.pipe(
    z.strictObject({
      type: z.literal('UDPHeatmap'),
      ...codecFields,
      heatmap_type: z._default(z.enum(['gaussian', 'combined']), 'gaussian'),
      radius_factor: z._default(z.number().check(z.positive()), 0.0546875),
      blur_kernel_size: z._default(oddSide, 11),
    }),
    z.transform(({ input_size, heatmap_type, radius_factor, blur_kernel_size }) => ({
      input_size,
      test: {
        decode: 'udp_1x',
        blur: blur_kernel_size,
        target: heatmap_type === 'combined' ? 'offset' : 'peak',
        offsetRadius: radius_factor,
      } as Test,
    })),
  ),
};

const topDown = {
  type: z.string(),
  neck: none,
  // read elsewhere, or for training
  ...unneeded('backbone', 'pretrained', 'data_preprocessor', 'metainfo', 'loss_pose'),
  ...training,
};
const topDown0 = z.strictObject({ ...topDown, keypoint_head: z.unknown(), test_cfg: z.prefault(test0, {}) });
const topDown1 = z.strictObject({ ...topDown, head: z.unknown(), test_cfg: z.prefault(test1, {}) });

/** A pose as its dict says it, without keypoints and crops. */
export interface ReadPose {
  readonly head: HeatmapConfig;
  readonly test: Test;
  /** The number of keypoints. */
  readonly keypoints: number;
  /** Width and height of the network's input, if a codec says it. */
  readonly inputSize?: [number, number] | undefined;
}

/** The stages that feed the head, and the first one that the backbone gives. */
export interface PoseSource extends Source {
  readonly first: number;
}

/**
 * Reads the dict of a top-down pose model.
 *
 * @throws UnsupportedError naming a head or codec that is not read, ConfigError if a field does not fit
 */
export function poseFromMm(model: Readonly<Record<string, unknown>>, source: PoseSource): ReadPose {
  const isNewer = model.head !== undefined;
  const part = isNewer ? 'head' : 'keypoint_head';
  // first, since another kind of head has other fields around it
  const { head, maps, index, decoder } = poseHeadFromMm(model[part], part);
  const test_cfg = isObject(model.test_cfg) ? model.test_cfg : {};
  const dict: { test_cfg: Partial<Test1> } = isNewer
    ? validate(topDown1, { ...model, test_cfg }, what)
    : validate(topDown0, { ...model, test_cfg }, what);
  if (isNewer && !isObject(decoder)) {
    throw new ConfigError(
      `${what}: head.decoder: must be the codec, such as { type: 'MSRAHeatmap', input_size: [192, 256] }.`,
    );
  }
  const codec = isObject(decoder)
    ? parsePart<(typeof codecs)[keyof typeof codecs]>(codecs, decoder, what, 'head.decoder')
    : undefined;
  const { flipMode, ...rest } = dict.test_cfg;
  const test: Test = { ...rest, ...codec?.test };
  const mode = test.target === 'offset' ? 'udp_combined' : 'heatmap';
  if (test.flip && flipMode !== undefined && flipMode !== mode) {
    throw new ConfigError(`${what}: test_cfg: flip_mode: must be "${mode}" for these heatmaps, got "${flipMode}".`);
  }
  const perKeypoint = test.target === 'offset' ? 3 : 1;
  if (maps % perKeypoint !== 0) {
    throw new ConfigError(`${what}: ${part}: out_channels: must be a multiple of 3 for combined targets, got ${maps}.`);
  }
  return written({
    head: {
      ...head,
      level: levelOf(model[part], `${what}: ${part}`, [isNewer ? 'input_index' : 'in_index', index], source),
    },
    test,
    keypoints: maps / perKeypoint,
    inputSize: codec?.input_size,
  });
}

/** Returns the stage that a head reads, undefined for the last one, and compares its channels with what the head says. */
function levelOf(
  dict: unknown,
  where: string,
  [field, index]: readonly [field: string, index: number],
  { first, ...source }: PoseSource,
): number | undefined {
  const given: readonly Stage[] = source.levels.slice(first);
  const at = index < 0 ? given.length + index : index;
  const level = given[at];
  if (!level) throw new ConfigError(`${where}: ${field}: is ${index}, there are ${given.length} levels.`);
  // the first versions of 1.x may list the channels of every level
  const listed = isObject(dict) && Array.isArray(dict.in_channels) ? dict.in_channels.at(index) : undefined;
  const said = listed === undefined ? dict : { in_channels: listed };
  checkLevels(said, where, 'in_channels', 'channels', { ...source, levels: [level] });
  const stage = first + at;
  return stage === source.levels.length - 1 ? undefined : stage;
}
