import * as z from 'zod/mini';
import { ConfigError } from '../../errors.ts';
import { foundIn, isObject, validate } from '../../validate.ts';
import type { PoseConfig } from '../pose_config.ts';
import { testDataset } from './input.ts';
import { byType, count, plainPart, unneeded } from './parts.ts';
import { type Image, orderAfter } from './pipeline.ts';
import { preprocessorFromMm } from './preprocessor.ts';

/**
 * Reads how a pose model of mmpose sees an image: `data_cfg` and the test pipeline of 0.x, the test pipeline and the preprocessor of
 * 1.x. A step or an argument that would give other pixels is refused by its name.
 */

/** The effect of the steps of a pipeline. */
interface Seen {
  readonly order: 'rgb' | 'bgr';
  readonly padding?: number;
  readonly size?: [number, number];
  readonly udp?: boolean;
  readonly image?: Image;
}

const where = 'test pipeline';
const type = z.string();
const pair = z.tuple([count, count]);
const three = z.tuple([z.number(), z.number(), z.number()]);

interface Step {
  apply(options: unknown, seen: Seen): Partial<Seen>;
}

const step = <S extends z.ZodMiniObject>(
  schema: S,
  apply: (options: z.output<S>, seen: Seen) => Partial<Seen> = () => ({}),
): Step => ({
  apply: (options, seen) => {
    const { type: name } = options as { type: string }; // by which the step was found
    return apply(validate(schema, options, `${where}: ${name}`), seen);
  },
});

const loading = {
  type,
  to_float32: z.nullish(z.literal(false)),
  color_type: z.optional(z.literal('color')),
  imdecode_backend: z.optional(z.enum(['cv2', 'pillow', 'turbojpeg'])),
  ...unneeded('file_client_args', 'backend_args', 'ignore_empty'),
};

/** 0.x loads red first, 1.x blue. */
const load = (usual: 'rgb' | 'bgr') =>
  step(
    z.strictObject({ ...loading, channel_order: z._default(z.enum(['rgb', 'bgr']), usual) }),
    ({ channel_order }) => ({
      order: channel_order,
    }),
  );

const enlarge = step(
  z.strictObject({ type, padding: z._default(z.number().check(z.positive()), 1.25) }),
  ({ padding }) => ({ padding }),
);

const steps: Readonly<Record<string, Step>> = {
  // 0.x
  LoadImageFromFile: load('rgb'),
  TopDownGetBboxCenterScale: enlarge,
  TopDownAffine: step(z.strictObject({ type, use_udp: z._default(z.boolean(), false) }), ({ use_udp }) => ({
    udp: use_udp,
  })),
  ToTensor: step(z.strictObject({ type, ...unneeded('device') })),
  NormalizeTensor: step(z.strictObject({ type, mean: three, std: three }), ({ mean, std }, { order }) => ({
    image: { mean: inBytes(mean), std: inBytes(std), channelOrder: order },
  })),
  Collect: step(z.strictObject({ type, ...unneeded('keys', 'meta_keys', 'meta_name') })),
  // 1.x
  LoadImage: load('bgr'),
  GetBBoxCenterScale: enlarge,
  TopdownAffine: step(
    z.strictObject({ type, input_size: pair, use_udp: z._default(z.boolean(), false) }),
    ({ input_size, use_udp }) => ({ size: input_size, udp: use_udp }),
  ),
  PackPoseInputs: step(z.strictObject({ type, ...unneeded('meta_keys', 'pack_transformed') })),
};

/** 0.x normalises shares of 255. Products are rounded to what the decimals mean: 0.485 is 123.675. */
const inBytes = (shares: readonly [number, number, number]): [number, number, number] =>
  shares.map((share) => Number((share * 255).toPrecision(12))) as [number, number, number];

/** The fields `input` of the pose and `image` of the model. What a configuration does not say is absent. */
export interface PoseInput {
  readonly input: Partial<PoseConfig['input']>;
  readonly image: Image;
  /** The crop is that of UDP. Undefined if nothing says it. */
  readonly udp?: boolean | undefined;
}

const fieldOf = (value: unknown, key: string): unknown => (isObject(value) ? value[key] : undefined);

/**
 * Reads how a configuration cuts and normalises crops.
 *
 * @param whole the configuration, or only the model dict
 * @param codecSize width and height of the input by the codec of 1.x
 * @throws UnsupportedError for an unknown step; ConfigError for an argument that does not fit
 */
export function poseInputFromMm(whole: unknown, model: unknown, codecSize: [number, number] | undefined): PoseInput {
  const dict = fieldOf(model, 'data_preprocessor') ?? fieldOf(whole, 'data_preprocessor') ?? undefined;
  const seen = pipelineIn(whole)?.reduce<Seen>(applied, { order: dict === undefined ? 'rgb' : 'bgr' });
  const preprocessor =
    dict === undefined ? undefined : preprocessorFromMm(dict, seen?.order ?? 'bgr', 'PoseDataPreprocessor');
  if (preprocessor && (preprocessor.pad.divisor !== 1 || preprocessor.pad.size)) {
    throw new ConfigError('mmpose model: data_preprocessor: pad_size_divisor: must be 1, as crops have one size.');
  }
  const data = fieldOf(testDataset(whole), 'data_cfg') ?? fieldOf(whole, 'data_cfg');
  const written = data === undefined ? undefined : validate(dataConfig, data, 'data_cfg').image_size;
  const size = seen?.size ?? codecSize ?? written;
  if (codecSize && size && codecSize.join() !== size.join()) {
    throw new ConfigError(
      `${where}: TopdownAffine: input_size: is ${size.join('×')}, but that of the codec is ${codecSize.join('×')}.`,
    );
  }
  const image = preprocessor?.image ?? seen?.image ?? (seen ? unnormalised(seen) : {});
  return {
    image,
    input: { size: size && { height: size[1], width: size[0] }, padding: seen?.padding },
    udp: seen?.udp,
  };
}

/** Width and height of the input. The rest of it is about the evaluation. */
const dataConfig = z.looseObject({ image_size: pair });

const unnormalised = ({ order }: Seen): Image => ({
  mean: [0, 0, 0],
  std: [1, 1, 1],
  channelOrder: orderAfter(order, false),
});

function pipelineIn(whole: unknown): readonly unknown[] | undefined {
  const found =
    fieldOf(testDataset(whole), 'pipeline') ?? fieldOf(whole, 'test_pipeline') ?? fieldOf(whole, 'val_pipeline');
  return Array.isArray(found) && found.length > 0 ? found : undefined;
}

function applied(seen: Seen, entry: unknown): Seen {
  const found = plainPart(entry);
  if (!isObject(found) || typeof found.type !== 'string') {
    throw new ConfigError(`${where}: a step must be an object with a type, got ${foundIn(entry)}.`);
  }
  return { ...seen, ...byType(steps, found.type, `step of the ${where}`).apply(found, seen) };
}
