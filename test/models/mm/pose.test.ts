import { expect } from 'chai';
import { datasets } from '../../../src/datasets/index.ts';
import { ConfigError, UnsupportedError } from '../../../src/errors.ts';
import { createModel } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import { findEntry } from '../../../src/zoo/index.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tests edit mm dicts freely
type Dict = any;

const mogaNet = { type: 'MogaNet_feat', arch: 'x-tiny', init_value: 1e-5, out_indices: [0, 1, 2, 3] };
const shares = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
const older = {
  type: 'TopDown',
  pretrained: null,
  backbone: mogaNet,
  keypoint_head: {
    type: 'TopdownHeatmapSimpleHead',
    in_channels: 192,
    out_channels: 17,
    in_index: 3,
    loss_keypoint: { type: 'JointsMSELoss', use_target_weight: true },
  },
  train_cfg: {},
  test_cfg: { flip_test: true, post_process: 'default', shift_heatmap: true, modulate_kernel: 11 },
};
const pipeline: Dict[] = [
  { type: 'LoadImageFromFile' },
  { type: 'TopDownGetBboxCenterScale', padding: 1.25 },
  { type: 'TopDownAffine' },
  { type: 'ToTensor' },
  { type: 'NormalizeTensor', ...shares },
  { type: 'Collect', keys: ['img'], meta_keys: ['center', 'scale'] },
];
const testSet = { type: 'TopDownCocoDataset', data_cfg: { image_size: [288, 384], heatmap_size: [72, 96] }, pipeline };
const wholeOlder = { model: older, data: { test: testSet } };

const codec = { type: 'MSRAHeatmap', input_size: [192, 256], heatmap_size: [48, 64], sigma: 2 };
const newer = {
  type: 'TopdownPoseEstimator',
  data_preprocessor: {
    type: 'PoseDataPreprocessor',
    mean: [123.675, 116.28, 103.53],
    std: [58.395, 57.12, 57.375],
    bgr_to_rgb: true,
  },
  backbone: mogaNet,
  head: {
    type: 'HeatmapHead',
    in_channels: 192,
    out_channels: 17,
    loss: { type: 'KeypointMSELoss', use_target_weight: true },
    decoder: codec,
  },
  test_cfg: { flip_test: true, flip_mode: 'heatmap', shift_heatmap: true },
};
const newerPipeline = [
  { type: 'LoadImage' },
  { type: 'GetBBoxCenterScale' },
  { type: 'TopdownAffine', input_size: [192, 256] },
  { type: 'PackPoseInputs' },
];
const wholeNewer = {
  model: newer,
  test_dataloader: { dataset: { type: 'CocoDataset', data_mode: 'topdown', pipeline: newerPipeline } },
};

/** As a model has it, with all defaults. */
const resolved = (config: Parameters<typeof createModel>[0]) => createModel(config).config;
const coco = { dataset: 'coco_keypoints' } as const;

describe('a pose model of mmpose', () => {
  it('of 0.x and of 1.x is the published configuration', () => {
    const published = (name: string) => {
      const { name: _, ...config } = resolved(findEntry(name).config);
      return config;
    };
    expect(resolved(fromMm(wholeOlder))).to.deep.equal(published('moganet_xt_coco_384x288'));
    const { pose, ...rest } = published('moganet_xt_coco_256x192');
    // 1.x decodes otherwise at the border, and its crops differ in the last bit of their places
    const test = { ...pose?.test, decode: 'quarter_1x' };
    const expected = { ...rest, pose: { ...pose, input: { ...pose?.input, steps: '1x' }, test } };
    expect(resolved(fromMm(wholeNewer))).to.deep.equal(expected);
    expect(resolved(fromMm(newer, coco))).to.deep.equal(expected);
  });

  it('may be prefixed with its registry, and has another size if the caller says so', () => {
    const prefixed = {
      ...newer,
      type: 'mmpose.TopdownPoseEstimator',
      head: { ...newer.head, type: 'mmpose.HeatmapHead' },
    };
    const { pose } = fromMm(prefixed, { ...coco, scale: [96, 128], name: 'mine' });
    expect(pose?.input?.size).to.deep.equal({ height: 128, width: 96 });
  });

  it('of 0.x decodes by test_cfg', () => {
    const test = (test_cfg: Dict) => fromMm({ ...older, test_cfg }, coco).pose?.test;
    expect(test({})).to.include({ flip: true, shift: false, decode: 'quarter', blur: 11 });
    expect(test({ flip_test: false, post_process: 'unbiased', modulate_kernel: 17 })).to.include({
      flip: false,
      decode: 'dark',
      blur: 17,
    });
    expect(test({ unbiased_decoding: true })).to.include({ decode: 'dark' });
    expect(test({ post_process: true, unbiased_decoding: true })).to.include({ decode: 'dark' });
    expect(test({ post_process: false })).to.include({ decode: 'none' });
    expect(test({ post_process: null })).to.include({ decode: 'none' });
    expect(test({ post_process: 'megvii' })).to.include({ decode: 'megvii' });
    expect(test({ use_udp: true })).to.include({ decode: 'udp' });
  });

  it('of 0.x with combined targets has three maps for each keypoint', () => {
    const combined = {
      ...older,
      keypoint_head: { ...older.keypoint_head, out_channels: 51 },
      test_cfg: { use_udp: true, target_type: 'CombinedTarget', valid_radius_factor: 0.05 },
    };
    const { pose } = fromMm(combined, coco);
    expect(pose?.test).to.include({ decode: 'udp', target: 'offset', offsetRadius: 0.05 });
    expect(() => fromMm({ ...combined, keypoint_head: older.keypoint_head }, coco)).to.throw(
      ConfigError,
      'multiple of 3',
    );
  });

  it('of 1.x decodes by its codec', () => {
    const test = (decoder: Dict) => fromMm({ ...newer, head: { ...newer.head, decoder } }, coco).pose?.test;
    expect(test({ ...codec, unbiased: true, blur_kernel_size: 9 })).to.include({ decode: 'dark', blur: 9 });
    expect(test({ ...codec, type: 'UDPHeatmap' })).to.include({
      decode: 'udp_1x',
      blur: 11,
      target: 'peak',
      offsetRadius: 0.0546875,
    });
    const { sigma: _, ...unsmoothed } = codec;
    expect(test({ ...unsmoothed, type: 'MegviiHeatmap', kernel_size: 13 })).to.include({ decode: 'megvii', blur: 13 });
    expect(() => test({ ...unsmoothed, type: 'MegviiHeatmap' })).to.throw(ConfigError, 'kernel_size');
    expect(() => test({ ...codec, blur_kernel_size: 10 })).to.throw(ConfigError, 'blur_kernel_size: must be odd');
    expect(() => test({ ...codec, type: 'SimCCLabel' })).to.throw(UnsupportedError, 'SimCCLabel');
    expect(() => test(undefined)).to.throw(ConfigError, 'head.decoder: must be the codec');
    expect(fromMm({ ...newer, test_cfg: undefined }, coco).pose?.test).to.include({ flip: false, shift: false });
  });

  it('of 1.x with combined targets is mirrored as such', () => {
    const combined = (test_cfg: Dict) =>
      fromMm(
        {
          ...newer,
          head: {
            ...newer.head,
            out_channels: 51,
            decoder: { ...codec, type: 'UDPHeatmap', heatmap_type: 'combined', radius_factor: 0.07 },
          },
          test_cfg,
        },
        coco,
      ).pose?.test;
    expect(combined({ flip_test: true, flip_mode: 'udp_combined' })).to.include({
      decode: 'udp_1x',
      target: 'offset',
      offsetRadius: 0.07,
    });
    expect(combined({ flip_test: false })).to.include({ flip: false, target: 'offset' });
    expect(() => combined({ flip_test: true })).to.throw(ConfigError, 'flip_mode: must be "udp_combined"');
    expect(() => fromMm({ ...newer, test_cfg: { flip_test: true, flip_mode: 'udp_combined' } }, coco)).to.throw(
      ConfigError,
      'flip_mode: must be "heatmap"',
    );
  });

  it('of 1.x is refused if crop and codec have two sizes', () => {
    const head = { ...newer.head, decoder: { ...codec, input_size: [288, 384] } };
    expect(() => fromMm({ ...wholeNewer, model: { ...newer, head } })).to.throw(
      ConfigError,
      'TopdownAffine: input_size: is 192×256, but that of the codec is 288×384',
    );
  });

  it('has the layers that its head names', () => {
    const head = (fields: Dict) =>
      fromMm({ ...older, keypoint_head: { ...older.keypoint_head, ...fields } }, coco).pose?.head;
    expect(head({ num_deconv_layers: 0, extra: { final_conv_kernel: 3 } })).to.deep.equal({
      type: 'heatmap_head',
      channels: [],
      finalKernel: 3,
    });
    expect(head({ num_deconv_layers: 2, num_deconv_filters: [64, 32], num_deconv_kernels: [4, 2] })).to.deep.include({
      channels: [64, 32],
      kernels: [4, 2],
    });
    expect(head({ in_index: 1, in_channels: 64 })).to.include({ level: 1 });
    expect(() => head({ num_deconv_layers: 2 })).to.throw(
      ConfigError,
      'num_deconv_filters: must have one entry for each',
    );
    expect(() => head({ in_index: 4 })).to.throw(ConfigError, 'in_index: is 4, there are 4 levels');
    expect(() => head({ in_channels: 64 })).to.throw(ConfigError, /in_channels: is 64.*192/);
    expect(() => head({ input_transform: 'resize_concat' })).to.throw(ConfigError, 'input_transform');
    expect(head({ extra: { num_conv_layers: 2, num_conv_kernels: [3, 1] } })).to.deep.include({
      convs: [
        { channels: 256, kernel: 3 },
        { channels: 256, kernel: 1 },
      ],
      finalKernel: 1,
    });
    expect(head({ num_deconv_layers: 0, extra: { num_conv_layers: 1 }, in_channels: 192 })).to.deep.include({
      convs: [{ channels: 192, kernel: 1 }],
    });
    expect(() => head({ extra: { num_conv_layers: 1e9 } })).to.throw(ConfigError, 'extra.num_conv_layers');
    expect(() => head({ extra: { num_conv_layers: 2, num_conv_kernels: [3] } })).to.throw(
      ConfigError,
      'extra.num_conv_kernels: must have one entry for each of the 2',
    );
    // mmpose makes no other convolution without the last one
    const identity = head({ num_deconv_filters: [64, 32, 17], extra: { final_conv_kernel: 0, num_conv_layers: 2 } });
    expect(identity).to.deep.equal({ type: 'heatmap_head', channels: [64, 32, 17], finalKernel: 0 });
    expect(() => head({ extra: { final_conv_kernel: 5 } })).to.throw(ConfigError, 'final_conv_kernel');
    expect(() => head({ type: 'ViPNASHeatmapSimpleHead' })).to.throw(UnsupportedError, 'ViPNASHeatmapSimpleHead');
    const newerHead = (fields: Dict) => fromMm({ ...newer, head: { ...newer.head, ...fields } }, coco).pose?.head;
    expect(newerHead({ deconv_out_channels: null, deconv_kernel_sizes: null })).to.deep.include({ channels: [] });
    expect(newerHead({ final_layer: { kernel_size: 3, padding: 1 } })).to.include({ finalKernel: 3 });
    expect(newerHead({ final_layer: { kernel_size: 5, padding: 2 } })).to.include({ finalKernel: 5 });
    expect(() => newerHead({ final_layer: { kernel_size: 3 } })).to.throw(ConfigError, 'padding: must be 1');
    for (const fields of [{ final_layer: null }, { has_final_layer: false }])
      expect(newerHead({ deconv_out_channels: [64, 32, 17], ...fields })).to.include({ finalKernel: 0 });
    expect(newerHead({ conv_out_channels: [64, 48], conv_kernel_sizes: [3, 1] })).to.deep.include({
      convs: [
        { channels: 64, kernel: 3 },
        { channels: 48, kernel: 1 },
      ],
    });
    expect(() => newerHead({ conv_out_channels: [64] })).to.throw(
      ConfigError,
      'conv_kernel_sizes: must have one entry for each of the 1 conv_out_channels',
    );
    expect(() => newerHead({ deconv_out_channels: [64, 32] })).to.throw(ConfigError, 'deconv_kernel_sizes: must have');
    expect(newerHead({ in_channels: [32, 64, 96, 192] })).to.not.have.property('level');
    expect(() => newerHead({ in_channels: [32, 64, 96, 96] })).to.throw(ConfigError, /in_channels: is 96.*192/);
  });

  it('on a ResNet reads the last stage, the only one that mmpose’s gives by default', () => {
    const resNet = { type: 'ResNet', depth: 50 };
    const keypoint_head = { type: 'TopdownHeatmapSimpleHead', in_channels: 2048, out_channels: 17 };
    for (const more of [{}, { out_indices: [3] }]) {
      const { pose } = fromMm({ type: 'TopDown', backbone: { ...resNet, ...more }, keypoint_head }, coco);
      expect(pose?.head).to.deep.equal({ type: 'heatmap_head', channels: [256, 256, 256], finalKernel: 1 });
    }
    const swin = { type: 'SwinTransformer', out_indices: [3] };
    const { backbone, pose } = fromMm(
      { type: 'TopDown', backbone: swin, keypoint_head: { ...keypoint_head, in_channels: 768 } },
      coco,
    );
    expect(backbone).to.deep.include({ outputNorms: [3] });
    expect(pose?.head).to.not.have.property('level');
    const convNext = { type: 'ConvNeXt', arch: 'tiny', out_indices: [3], gap_before_final_norm: false };
    const other = { type: 'TopDown', backbone: convNext, keypoint_head: { ...keypoint_head, in_channels: 768 } };
    expect(fromMm(other, coco).backbone).to.deep.include({ outputNorms: [3] });
  });

  it('has the keypoints of its dataset_info', () => {
    const dataset_info = {
      dataset_name: 'two',
      // as in mmpose the key counts, not the id; a pair may be said once
      keypoint_info: { 0: { name: 'b', id: 1 }, 1: { name: 'a', id: 0, swap: 'b' } },
      skeleton_info: { 0: { link: ['b', 'a'], id: 0, color: [0, 0, 0] } },
      sigmas: [0.1, 0.2],
      joint_weights: [1, 1],
    };
    const model = { ...older, keypoint_head: { ...older.keypoint_head, out_channels: 2 } };
    const { pose } = fromMm({ model, data: { test: { ...testSet, dataset_info } } });
    expect(pose?.keypoints).to.deep.equal({
      names: ['b', 'a'],
      skeleton: [[0, 1]],
      flipPairs: [[0, 1]],
      sigmas: [0.1, 0.2],
    });
    const unmeasured = fromMm({ model, dataset_info: { ...dataset_info, sigmas: [] } }).pose;
    expect(unmeasured?.keypoints).to.not.have.property('sigmas');
    const gap = { ...dataset_info, keypoint_info: { 0: { name: 'b' }, 2: { name: 'a' } } };
    expect(() => fromMm({ model, dataset_info: gap })).to.throw(ConfigError, 'counted from 0, got 2 in place of 1');
    const strange = { ...dataset_info, skeleton_info: { 0: { link: ['a', 'c'] } } };
    expect(() => fromMm({ model, dataset_info: strange })).to.throw(ConfigError, 'there is no keypoint "c"');
    expect(() => fromMm({ model: older, dataset_info })).to.throw(ConfigError, 'the head has 17 keypoints');
  });

  it('of other beings or parts of them has their class, though their keypoints be COCO’s', () => {
    const { names, flipPairs } = datasets.coco_keypoints.keypoints;
    const partnerOf = (i: number) => flipPairs.find((pair) => pair.includes(i))?.find((other) => other !== i);
    const infoOf = (dataset_name: string) => ({
      dataset_name,
      keypoint_info: Object.fromEntries(
        names.map((name, i) => [i, { name, id: i, swap: names[partnerOf(i) ?? -1] ?? '' }]),
      ),
      sigmas: [],
    });
    const { pose } = fromMm({ model: older, dataset_info: infoOf('macaque') });
    expect(pose).to.include({ class: 'macaque' });
    expect(pose?.keypoints?.names).to.deep.equal(names);
    expect(resolved(fromMm({ model: older, dataset_info: infoOf('macaque') })).pose?.class).to.equal('macaque');
    const mine = { model: older, dataset_info: infoOf('mine') };
    expect(fromMm(mine).pose).to.not.have.property('class');
    // the meta of a checkpoint may say it
    expect(fromMm(mine, { classes: ['crane'] }).pose?.class).to.equal('crane');
    expect(fromMm(mine, { classes: ['crane', 'heron'] }).pose).to.not.have.property('class');
    expect(fromMm({ model: older, dataset_info: infoOf('macaque') }, { classes: ['ape'] }).pose?.class).to.equal(
      'macaque',
    );
  });

  it('has the keypoints that mmpose 1.x writes beside the weights, before those of its configuration', () => {
    const datasetMeta = {
      dataset_name: 'birds',
      keypoint_id2name: { 0: 'beak', 1: 'left_wing', 2: 'right_wing' },
      flip_indices: [0, 2, 1],
      flip_pairs: [
        [2, 1],
        [1, 2],
      ],
      skeleton_links: [
        [0, 1],
        [0, 2],
      ],
      sigmas: [0.026, 0.079, 0.079].map(Math.fround),
    };
    const head = { ...newer.head, out_channels: 3 };
    expect(fromMm({ ...wholeNewer, model: { ...newer, head } }, { datasetMeta }).pose?.keypoints).to.deep.equal({
      names: ['beak', 'left_wing', 'right_wing'],
      skeleton: datasetMeta.skeleton_links,
      flipPairs: [[1, 2]],
      sigmas: [0.026, 0.079, 0.079],
    });
    expect(() => fromMm(wholeNewer, { datasetMeta })).to.throw(ConfigError, 'the head has 17 keypoints');
    const { keypoints } = datasets.coco_keypoints;
    const same = {
      keypoint_id2name: Object.fromEntries(keypoints.names.entries()),
      flip_pairs: keypoints.flipPairs,
      skeleton_links: keypoints.skeleton,
      sigmas: keypoints.sigmas?.map(Math.fround),
    };
    expect(fromMm(newer, { datasetMeta: same }).pose?.dataset).to.equal('coco_keypoints');
    // that of a detector says nothing of keypoints
    expect(fromMm(wholeNewer, { datasetMeta: { CLASSES: ['person'] } }).pose?.dataset).to.equal('coco_keypoints');
    expect(() => fromMm(newer, { datasetMeta: { ...same, flip_pairs: [[0, -1]] } })).to.throw(
      ConfigError,
      'dataset_meta: flip_pairs.0.1',
    );
  });

  it('is refused if nothing says what its keypoints are', () => {
    expect(() => fromMm(older)).to.throw(ConfigError, /17 keypoints are.*dataset: 'coco_keypoints'/);
    const dataset = {
      ...wholeNewer.test_dataloader.dataset,
      metainfo: { from_file: 'configs/_base_/datasets/halpe.py' },
    };
    expect(() => fromMm({ ...wholeNewer, test_dataloader: { dataset } })).to.throw(
      ConfigError,
      'keypoints are (the data set is halpe.py)',
    );
    const same = { ...dataset, metainfo: { from_file: 'configs/_base_/datasets/coco.py' } };
    expect(fromMm({ ...wholeNewer, test_dataloader: { dataset: same } }).pose?.dataset).to.equal('coco_keypoints');
  });

  it('crops and normalises as its pipeline says, or is refused', () => {
    const piped = (change: (steps: Dict[]) => Dict[]) =>
      fromMm({ ...wholeOlder, data: { test: { ...testSet, pipeline: change(structuredClone(pipeline)) } } });
    const edited = (type: string, fields: Dict) =>
      piped((steps) => steps.map((step) => (step.type === type ? { ...step, ...fields } : step)));
    expect(edited('TopDownGetBboxCenterScale', { padding: 1 }).pose?.input).to.include({ padding: 1 });
    expect(edited('LoadImageFromFile', { channel_order: 'bgr' }).image).to.include({ channelOrder: 'bgr' });
    expect(piped((steps) => steps.filter(({ type }) => type !== 'NormalizeTensor')).image).to.deep.equal({
      mean: [0, 0, 0],
      std: [1, 1, 1],
      channelOrder: 'rgb',
    });
    expect(() => edited('TopDownAffine', { use_udp: true })).to.throw(ConfigError, 'the crop is that of UDP');
    const udp = { ...older, test_cfg: { ...older.test_cfg, use_udp: true } };
    expect(() => fromMm({ ...wholeOlder, model: udp })).to.throw(ConfigError, 'the crop is not that of UDP');
    expect(() => piped((steps) => [...steps, { type: 'TopDownRandomFlip' }])).to.throw(
      UnsupportedError,
      'TopDownRandomFlip',
    );
    expect(() => edited('NormalizeTensor', { mean: [0.5] })).to.throw(ConfigError, 'NormalizeTensor');
    const padded = { ...newer, data_preprocessor: { ...newer.data_preprocessor, pad_size_divisor: 32 } };
    expect(() => fromMm({ ...wholeNewer, model: padded })).to.throw(ConfigError, 'pad_size_divisor');
  });

  it('is refused by the name of a model or head that gives no heatmaps', () => {
    const model = (type: string) => () => fromMm({ model: { type, teacher: {} } });
    for (const type of ['BottomupPoseEstimator', 'AssociativeEmbedding', 'DWPoseDistiller', 'YOLOXPose'])
      expect(model(type)).to.throw(UnsupportedError, `the model "${type}" is not supported`);
    const newerHead = (head: Dict) => () => fromMm({ ...newer, neck: { type: 'GlobalAveragePooling' }, head }, coco);
    for (const type of ['RegressionHead', 'SimCCHead', 'RTMCCHead', 'DSNTHead', 'VisPredictHead'])
      expect(newerHead({ type, in_channels: 192 })).to.throw(UnsupportedError, `the head "${type}" is not supported`);
    const deepPose = { type: 'DeepposeRegressionHead', in_channels: 192, num_joints: 17 };
    const { keypoint_head: _, ...rest } = older;
    expect(() => fromMm({ ...rest, neck: { type: 'GlobalAveragePooling' }, keypoint_head: deepPose }, coco)).to.throw(
      UnsupportedError,
      'the keypoint_head "DeepposeRegressionHead" is not supported',
    );
    const viTPose = { ...newer, backbone: { type: 'mmpretrain.VisionTransformer', arch: 'base' } };
    expect(() => fromMm(viTPose, coco)).to.throw(UnsupportedError, 'the backbone "mmpretrain.VisionTransformer"');
  });

  it('is refused with a neck, or with an argument that it does not know', () => {
    expect(() => fromMm({ ...older, neck: { type: 'PoseWarperNeck' } }, coco)).to.throw(ConfigError, 'neck');
    expect(() => fromMm({ ...older, test_cfg: { flip_tests: true } }, coco)).to.throw(ConfigError, 'flip_tests');
    expect(() => fromMm({ ...newer, test_cfg: { flip_mode: 'regression' } }, coco)).to.throw(ConfigError, 'flip_mode');
    const both = { post_process: 'megvii', use_udp: true };
    expect(() => fromMm({ ...older, test_cfg: both }, coco)).to.throw(ConfigError, 'post_process');
    expect(() => fromMm({ ...older, test_cfg: { target_type: 'CombinedTarget' } }, coco)).to.throw(
      ConfigError,
      'use_udp',
    );
  });
});
