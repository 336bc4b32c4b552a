import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { datasets } from '../../src/datasets/index.ts';
import { ConfigError } from '../../src/errors.ts';
import { bytesSource, writeSafetensors } from '../../src/formats/index.ts';
import { configOfMm } from '../../src/loading/mm_config.ts';
import { computesAs } from '../../src/loading/recognise.ts';
import { openWeights } from '../../src/loading/weights.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import { conv2d, type Scope, type Value } from '../../src/nn/index.ts';
import { findEntry } from '../../src/zoo/index.ts';
import { shippedGolden } from '../harness/golden.ts';
import { seededWeight } from '../harness/seeded.ts';
import { smallPoseHeads } from '../harness/small_heads.ts';

/** Weights of pose models, as mmpose writes them. */

const official = readFileSync(join(shippedGolden, 'pose/small_pose_moganet.pth'));
const backbone = {
  type: 'moganet' as const,
  arch: { dims: [8, 8, 16, 16], depths: [1, 1, 1, 1], ratios: [2, 2, 2, 2] },
};

function smallWeights(): Map<string, ReturnType<typeof seededWeight>> {
  const parameters = checkpointParameters(createModel({ backbone, pose: smallPoseHeads.heatmap_head }));
  return new Map(parameters.map(({ key, shape }) => [key, seededWeight(key, shape)]));
}

describe('a checkpoint of a pose model', () => {
  it('of mmpose 0.x says its network, crops and keypoints', async () => {
    const file = await openWeights(bytesSource(official, 'small_pose_moganet.pth'));
    const { pose, image } = file.definition.config;
    expect(pose?.dataset).to.equal('coco_keypoints');
    expect(pose?.input).to.deep.equal({ size: { height: 128, width: 96 }, padding: 1.25 });
    expect(pose?.test).to.include({ flip: true, shift: true, decode: 'quarter' });
    expect(pose?.head.channels).to.deep.equal([32, 24, 16]);
    expect(image).to.deep.equal(createModel({ backbone }).config.image);
    expect(file.notices).to.deep.equal([]);
    const weights = await file.fill(checkpointParameters(file.definition));
    expect(weights.get('keypoint_head.deconv_layers.0.weight')?.shape).to.deep.equal([32, 32, 4, 4]);
  });

  it('of mmpose 1.x says the keypoints of its own data set, in arrays of NumPy', async () => {
    const written = readFileSync(new URL('mmengine_pose.pth', import.meta.url));
    const file = await openWeights(bytesSource(written, 'mmengine_pose.pth'));
    const { pose } = file.definition.config;
    expect(pose?.keypoints).to.deep.equal({
      names: ['nose', 'left_ear', 'right_ear', 'left_wing', 'right_wing'],
      skeleton: [
        [0, 1],
        [0, 2],
        [3, 4],
      ],
      flipPairs: [
        [1, 2],
        [3, 4],
      ],
      sigmas: [0.026, 0.035, 0.035, 0.079, 0.079],
    });
    expect(pose?.input).to.deep.equal({ size: { height: 64, width: 64 }, padding: 1.1, steps: '1x' });
    expect(pose?.test).to.include({ flip: true, shift: false, decode: 'udp_1x', target: 'peak' });
    expect(file.notices).to.deep.equal([]);
    const parameters = checkpointParameters(file.definition);
    const weights = await file.fill(parameters);
    expect(weights.get('keypoint_head.conv_layers.0.weight')?.shape).to.deep.equal([8, 8, 3, 3]);
  });

  it('with another head than its model is refused', async () => {
    const arch = { dims: [8, 16, 24, 32], depths: [1, 1, 1, 1], ratios: [4, 4, 2, 2] };
    const model = { backbone: { type: 'moganet' as const, arch }, pose: { dataset: 'coco_keypoints' as const } };
    const file = await openWeights(bytesSource(official, 'small_pose_moganet.pth'), {
      model: { config: model, definition: createModel(model) },
    });
    expect(() => file.check(checkpointParameters(createModel(model)))).to.throw(/keypoint_head\.deconv_layers/);
  });

  it('of mmpose 1.x has another name for the head, which is known', async () => {
    const named = new Map([...smallWeights()].map(([key, value]) => [key.replace(/^keypoint_head\./, 'head.'), value]));
    const config = { backbone, pose: smallPoseHeads.heatmap_head };
    const definition = createModel(config);
    const source = bytesSource(await writeSafetensors(named).bytes(), 'newer.safetensors');
    const file = await openWeights(source, { model: { config, definition } });
    expect(file.notices).to.deep.equal([]);
    const weights = await file.fill(checkpointParameters(definition));
    for (const [key, { data }] of smallWeights()) {
      if (key.startsWith('keypoint_head.') && !key.endsWith('num_batches_tracked'))
        expect(weights.get(key)?.data, key).to.deep.equal(data);
    }
  });

  it('of mmpose 0.x has convolutions before the last one in one sequence with it, of 1.x in one of their own', async () => {
    const head = {
      ...smallPoseHeads.heatmap_head.head!,
      convs: [3, 1].map((kernel) => ({ channels: 8, kernel })),
    };
    const config = { backbone, pose: { ...smallPoseHeads.heatmap_head, head } };
    const definition = createModel(config);
    const parameters = checkpointParameters(definition);
    const tensors = parameters.map(({ key, shape }) => [key, seededWeight(key, shape)] as const);
    const olderKey = (key: string) =>
      key
        .replace('keypoint_head.final_layer.', 'keypoint_head.final_layer.6.')
        .replace('keypoint_head.conv_layers.', 'keypoint_head.final_layer.');
    const newerKey = (key: string) => key.replace(/^keypoint_head\./, 'head.');
    for (const named of [olderKey, newerKey]) {
      const written = new Map(tensors.map(([key, value]) => [named(key), value]));
      expect([...written.keys()]).to.include(named('keypoint_head.conv_layers.3.weight'));
      const source = bytesSource(await writeSafetensors(written).bytes(), 'convs.safetensors');
      const file = await openWeights(source, { model: { config, definition } });
      expect(file.notices).to.deep.equal([]);
      const weights = await file.fill(parameters);
      for (const [key, { data }] of tensors) {
        if (!key.endsWith('num_batches_tracked')) expect(weights.get(key)?.data, key).to.deep.equal(data);
      }
    }
  });

  it('leaves the keys of a custom head alone', async () => {
    const heads = {
      mine: () => ({
        forward: (scope: Scope, pyramid: readonly Value[]) => ({
          y: conv2d(scope.at('final_layer'), pyramid[3]!, 2, { kernel: 1 }),
        }),
        decode: () => undefined,
      }),
    };
    const config = { backbone, head: { type: 'mine' } };
    const definition = createModel(config, { heads });
    const parameters = checkpointParameters(definition);
    expect(parameters.map(({ key }) => key)).to.include('head.final_layer.weight');
    const tensors = new Map(parameters.map(({ key, shape }) => [key, seededWeight(key, shape)]));
    const source = bytesSource(await writeSafetensors(tensors).bytes(), 'mine.safetensors');
    const file = await openWeights(source, { model: { config, definition }, tables: { heads } });
    expect([...(await file.fill(parameters)).keys()]).to.include('head.final_layer.weight');
  });

  it('of AthletePose3D is the published model, whose data set has classes of its own and COCO’s keypoints', () => {
    const { names, skeleton, sigmas, flipPairs } = datasets.coco_keypoints.keypoints;
    const partnerOf = (i: number) =>
      names[flipPairs.flatMap(([a, b]) => (a === i ? b : b === i ? a : []))[0] ?? -1] ?? '';
    const point = (name: string, i: number) =>
      `${i}: dict(name='${name}', id=${i}, color=[51, 153, 255], type='upper', swap='${partnerOf(i)}')`;
    const link = ([a, b]: readonly [number, number], i: number) =>
      `${i}: dict(link=('${names[a]}', '${names[b]}'), id=${i}, color=[0, 255, 0])`;
    const text = `
dataset_info = dict(dataset_name='ap2d', paper_info=dict(title='x'),
    keypoint_info={${names.map(point).join(', ')}},
    skeleton_info={${skeleton.map(link).join(', ')}},
    joint_weights=[0.0, 0.0], sigmas=[${sigmas?.join(', ')}])
model = dict(type='TopDown', pretrained=None,
    backbone=dict(type='MogaNet_feat', arch='base', init_value=1e-5, drop_path_rate=0.4,
        stem_norm_cfg=dict(type='SyncBN', requires_grad=True), conv_norm_cfg=dict(type='SyncBN', requires_grad=True),
        out_indices=(0, 1, 2, 3)),
    keypoint_head=dict(type='TopdownHeatmapSimpleHead', in_channels=512, out_channels=17, in_index=3,
        loss_keypoint=dict(type='JointsMSELoss', use_target_weight=True)),
    train_cfg=dict(), test_cfg=dict(flip_test=True, post_process='default', shift_heatmap=True, modulate_kernel=11))
data = dict(test=dict(type='TopDownap2dDataset', ann_file='valid_set.json', pipeline=[
    dict(type='LoadImageFromFile'), dict(type='TopDownGetBboxCenterScale', padding=1.25), dict(type='TopDownAffine'),
    dict(type='ToTensor'), dict(type='NormalizeTensor', mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    dict(type='Collect', keys=['img'], meta_keys=['image_file', 'center', 'scale', 'rotation', 'bbox_score', 'flip_pairs'])],
    data_cfg=dict(image_size=[288, 384], heatmap_size=[72, 96], use_gt_bbox=False, det_bbox_thr=0.0)))
`;
    const read = configOfMm({ config: text, mmpose_version: '0.29.0' }, 'epoch_20.pth', {})!;
    const published = createModel(findEntry('moganet_b_ap2d_384x288').config);
    expect(computesAs(createModel(read), published)).to.equal(true);
    expect(createModel(read).config.pose).to.deep.equal(published.config.pose);
  });

  it('is named in what is wrong with its keypoints', () => {
    const config = "model = dict(type='TopDown', backbone=dict(type='MogaNet_feat', arch='tiny'))";
    const dataset_meta = { keypoint_id2name: { 0: 'head', 7: 'foot' } };
    expect(() => configOfMm({ config, dataset_meta }, 'epoch_20.pth', {})).to.throw(
      ConfigError,
      /^epoch_20\.pth: dataset_meta: .*got 7 in place of 1/,
    );
  });

  it('with other keypoints than the model says how many, and where to name them', async () => {
    const { config } = findEntry('moganet_xt_coco_256x192');
    const names = Array.from({ length: 21 }, (_, i) => `joint ${i}`);
    const hands = { ...config, pose: { ...config.pose, dataset: undefined, keypoints: { names } } };
    const tensors = checkpointParameters(createModel(hands)).map(({ key, shape }) => {
      const length = shape.reduce((product, extent) => product * extent, 1);
      return [key, { shape, data: new Float32Array(length) }] as const;
    });
    const source = bytesSource(await writeSafetensors(new Map(tensors)).bytes(), 'hands.safetensors');
    const message =
      /the model has \[17, 256, 1, 1\].*gives 21 heatmaps, that of the model 17\..*keypoints: \{ names: \[\/\* 21 names/s;
    const unknown = await openWeights(source).catch((error: Error) => error.message);
    expect(unknown).to.match(/fit no known model.*moganet_xt_coco_256x192: .*gives 21 heatmaps, that of the model 17/s);
    const known = await openWeights(source, { model: { config, definition: createModel(config) } });
    expect(() => known.check(checkpointParameters(createModel(config)))).to.throw(message);
    // what the message says helps
    known.check(checkpointParameters(createModel(hands)));
  });

  it('without a configuration is the published model whose keys it has', async () => {
    const { config } = findEntry('moganet_xt_coco_384x288');
    const tensors = checkpointParameters(createModel(config)).map(({ key, shape }) => {
      const length = shape.reduce((product, extent) => product * extent, 1);
      return [key.replace(/^keypoint_head\./, 'head.'), { shape, data: new Float32Array(length) }] as const;
    });
    const bytes = await writeSafetensors(new Map(tensors)).bytes();
    const unnamed = await openWeights(bytesSource(bytes, 'mine.safetensors'));
    expect(unnamed.config.name).to.equal('moganet_xt_coco_256x192');
    expect(unnamed.notices.join()).to.match(/also fit moganet_xt_coco_384x288/);
    const named = await openWeights(bytesSource(bytes, 'moganet_xt_coco_384x288.pth'));
    expect(named.config.name).to.equal('moganet_xt_coco_384x288');
    expect(named.notices).to.deep.equal([]);
  });
});
