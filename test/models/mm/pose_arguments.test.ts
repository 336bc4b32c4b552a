import { expect } from 'chai';
import { createModel } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests edit mm dicts freely
type Dict = any;

/**
 * Every argument of mmpose's classes for top-down heatmaps (facts, read from the signatures and the keys that the code asks for), with a
 * value that differs from its default: `done` changes the configuration, `refused` is refused by the argument's name, `unneeded` changes
 * nothing in inference.
 */
interface Part {
  readonly at: (config: Dict) => Dict;
  readonly done?: Dict;
  readonly refused?: Dict;
  readonly unneeded?: Dict;
}

const norm = { mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };
const steps = (config: Dict, type: string) => config.test_pipeline.find((step: Dict) => step.type === type);

const older: Dict = {
  model: {
    type: 'TopDown',
    backbone: { type: 'ResNet', depth: 50 },
    keypoint_head: { type: 'TopdownHeatmapSimpleHead', in_channels: 2048, out_channels: 3, extra: {} },
    test_cfg: {},
  },
  dataset_info: { keypoint_info: { 0: { name: 'a' }, 1: { name: 'b' }, 2: { name: 'c' } }, sigmas: [0.1, 0.1, 0.1] },
  test_pipeline: [
    { type: 'LoadImageFromFile' },
    { type: 'TopDownGetBboxCenterScale' },
    { type: 'TopDownAffine' },
    { type: 'ToTensor' },
    { type: 'NormalizeTensor', mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
    { type: 'Collect', keys: ['img'] },
  ],
};

const inOlder: Readonly<Record<string, Part>> = {
  TopDown: {
    at: ({ model }) => model,
    done: { backbone: { type: 'ResNet', depth: 101 }, test_cfg: { flip_test: false } },
    refused: { neck: { type: 'FPN' }, keypoint_head: { type: 'DeepposeRegressionHead' } },
    unneeded: { train_cfg: { a: 1 }, pretrained: 'x.pth', loss_pose: {} },
  },
  TopdownHeatmapSimpleHead: {
    at: ({ model }) => model.keypoint_head,
    done: {
      num_deconv_filters: [64, 64, 64],
      num_deconv_kernels: [4, 4, 2],
      num_deconv_layers: 0,
      extra: { final_conv_kernel: 3 },
    },
    refused: {
      in_channels: 1024,
      out_channels: 4,
      in_index: 1,
      input_transform: 'resize_concat',
      align_corners: true,
    },
    unneeded: { loss_keypoint: {}, train_cfg: {}, test_cfg: {} },
  },
  'extra of TopdownHeatmapSimpleHead': {
    at: ({ model }) => model.keypoint_head.extra,
    done: { final_conv_kernel: 3, num_conv_layers: 1 },
    refused: { num_conv_kernels: [2] },
  },
  'test_cfg of TopDown': {
    at: ({ model }) => model.test_cfg,
    done: {
      flip_test: false,
      shift_heatmap: true,
      post_process: 'unbiased',
      unbiased_decoding: true,
      modulate_kernel: 17,
      valid_radius_factor: 0.1,
    },
    refused: { use_udp: true, target_type: 'CombinedTarget', regression_flip_shift: true },
  },
  LoadImageFromFile: {
    at: (config) => steps(config, 'LoadImageFromFile'),
    done: { channel_order: 'bgr' },
    refused: { to_float32: true, color_type: 'grayscale' },
    unneeded: { file_client_args: { backend: 'petrel' } },
  },
  TopDownGetBboxCenterScale: { at: (config) => steps(config, 'TopDownGetBboxCenterScale'), done: { padding: 1.1 } },
  TopDownAffine: { at: (config) => steps(config, 'TopDownAffine'), refused: { use_udp: true } },
  ToTensor: { at: (config) => steps(config, 'ToTensor'), unneeded: { device: 'cuda' } },
  NormalizeTensor: {
    at: (config) => steps(config, 'NormalizeTensor'),
    done: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
  },
  Collect: { at: (config) => steps(config, 'Collect'), unneeded: { keys: [], meta_keys: [], meta_name: 'm' } },
  dataset_info: {
    at: ({ dataset_info }) => dataset_info,
    done: {
      sigmas: [0.2, 0.1, 0.1],
      skeleton_info: { 0: { link: ['a', 'c'] } },
      keypoint_info: { 0: { name: 'x' }, 1: { name: 'b' }, 2: { name: 'c' } },
    },
    unneeded: { dataset_name: 'mine', paper_info: {}, joint_weights: [1, 1, 2] },
  },
};

const codec = (type: string, fields: Dict = {}) => ({
  type,
  input_size: [192, 256],
  heatmap_size: [48, 64],
  ...fields,
});

/** With another codec, whose crop is that of UDP if it is. */
function newer(decoder: Dict = codec('MSRAHeatmap', { sigma: 2 })): Dict {
  return {
    model: {
      type: 'TopdownPoseEstimator',
      data_preprocessor: { type: 'PoseDataPreprocessor', ...norm, bgr_to_rgb: true },
      backbone: { type: 'ResNet', depth: 50 },
      head: { type: 'HeatmapHead', in_channels: 2048, out_channels: 3, decoder },
      test_cfg: {},
    },
    dataset_info: older.dataset_info,
    test_pipeline: [
      { type: 'LoadImage' },
      { type: 'GetBBoxCenterScale' },
      { type: 'TopdownAffine', input_size: [192, 256], use_udp: decoder.type === 'UDPHeatmap' },
      { type: 'PackPoseInputs' },
    ],
  };
}

const decoderOf = ({ model }: Dict) => model.head.decoder;

const inNewer: Readonly<Record<string, Part & { readonly base?: Dict }>> = {
  TopdownPoseEstimator: {
    at: ({ model }) => model,
    done: {
      backbone: { type: 'ResNet', depth: 101 },
      test_cfg: { flip_test: true },
      data_preprocessor: { type: 'PoseDataPreprocessor', ...norm },
    },
    refused: { neck: { type: 'FeatureMapProcessor' }, head: { type: 'RTMCCHead' } },
    unneeded: { train_cfg: { a: 1 }, init_cfg: {}, metainfo: {} },
  },
  HeatmapHead: {
    at: ({ model }) => model.head,
    done: {
      deconv_out_channels: [64, 64, 64],
      deconv_kernel_sizes: [4, 4, 2],
      final_layer: { kernel_size: 3, padding: 1 },
      decoder: codec('MSRAHeatmap', { sigma: 2, unbiased: true }),
    },
    refused: {
      in_channels: 1024,
      out_channels: 4,
      conv_out_channels: [64],
      conv_kernel_sizes: [2],
      has_final_layer: 'no',
      input_transform: 'resize_concat',
      input_index: 1,
      align_corners: true,
    },
    unneeded: { loss: {}, init_cfg: {} },
  },
  'final_layer of HeatmapHead': {
    base: (() => {
      const config = newer();
      config.model.head.final_layer = { kernel_size: 1 };
      return config;
    })(),
    at: ({ model }) => model.head.final_layer,
    refused: { type: 'DCNv2', kernel_size: 2, padding: 1, stride: 2, dilation: 2, groups: 3, bias: false },
  },
  'test_cfg of TopdownPoseEstimator': {
    at: ({ model }) => model.test_cfg,
    done: { flip_test: true, shift_heatmap: true },
    refused: { flip_mode: 'offset', output_keypoint_indices: [0, 1], shift_coords: true },
    unneeded: { output_heatmaps: true },
  },
  MSRAHeatmap: {
    at: decoderOf,
    done: { unbiased: true, blur_kernel_size: 17 },
    refused: { input_size: [256, 256] },
    unneeded: { sigma: 3, heatmap_size: [24, 32] },
  },
  UDPHeatmap: {
    base: newer(codec('UDPHeatmap')),
    at: decoderOf,
    done: { blur_kernel_size: 17, radius_factor: 0.1 },
    refused: { heatmap_type: 'soft', input_size: [256, 256] },
    unneeded: { sigma: 3, heatmap_size: [24, 32] },
  },
  MegviiHeatmap: {
    base: newer(codec('MegviiHeatmap', { kernel_size: 11 })),
    at: decoderOf,
    done: { kernel_size: 17 },
    refused: { input_size: [256, 256] },
    unneeded: { heatmap_size: [24, 32] },
  },
  LoadImage: {
    at: (config) => steps(config, 'LoadImage'),
    done: { channel_order: 'rgb' },
    refused: { to_float32: true, color_type: 'grayscale', imdecode_backend: 'tifffile' },
    unneeded: { file_client_args: {}, backend_args: {}, ignore_empty: true },
  },
  GetBBoxCenterScale: { at: (config) => steps(config, 'GetBBoxCenterScale'), done: { padding: 1.1 } },
  TopdownAffine: {
    at: (config) => steps(config, 'TopdownAffine'),
    refused: { input_size: [256, 256], use_udp: true },
  },
  PackPoseInputs: {
    at: (config) => steps(config, 'PackPoseInputs'),
    unneeded: { meta_keys: [], pack_transformed: true },
  },
  PoseDataPreprocessor: {
    at: ({ model }) => model.data_preprocessor,
    done: { mean: [1, 2, 3], std: [4, 5, 6], bgr_to_rgb: false },
    refused: { pad_size_divisor: 32, rgb_to_bgr: true },
    unneeded: { pad_value: 1, non_blocking: true, batch_augments: [] },
  },
};

/** Returns the effect of an argument: `done`, `unneeded`, or the message that refuses it. */
function effectOf(base: Dict, { at }: Part, argument: string, value: unknown): string {
  const resolved = (dict: Dict) => JSON.stringify(createModel(fromMm(dict)).config);
  const changed = structuredClone(base);
  at(changed)[argument] = value;
  try {
    return resolved(changed) === resolved(base) ? 'unneeded' : 'done';
  } catch (error) {
    return (error as Error).message;
  }
}

describe('a configuration of mmpose is read strictly', () => {
  const libraries = [
    { library: 'mmpose 0.29', parts: inOlder, base: older },
    { library: 'mmpose 1.3', parts: inNewer, base: newer() },
  ];
  for (const { library, parts, base: usual } of libraries) {
    for (const [name, part] of Object.entries(parts)) {
      const base = (part as { readonly base?: Dict }).base ?? usual;

      it(`by every argument of ${name} of ${library}: done, refused by its name, or not needed`, () => {
        const { done = {}, refused = {}, unneeded = {} } = part;
        for (const [argument, value] of Object.entries(done))
          expect(effectOf(base, part, argument, value), argument).to.equal('done');
        for (const [argument, value] of Object.entries(unneeded))
          expect(effectOf(base, part, argument, value), argument).to.equal('unneeded');
        for (const [argument, value] of Object.entries(refused))
          expect(effectOf(base, part, argument, value), argument).to.include(argument);
      });

      it(`and by none that ${name} of ${library} does not have`, () => {
        expect(effectOf(base, part, 'no_such_argument', 1)).to.match(/unknown key "no_such_argument".* Known: \w+/s);
      });
    }
  }
});
