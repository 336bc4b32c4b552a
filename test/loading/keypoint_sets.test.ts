import { expect } from 'chai';
import { datasets } from '../../src/datasets/index.ts';
import { keypointMeta } from '../../src/loading/keypoint_sets.ts';
import { configOfMm } from '../../src/loading/mm_config.ts';

/** Keypoints of data sets that a checkpoint of mmpose 1.x only names. */

const counts = {
  mpii: 16,
  crowdpose: 14,
  aic: 14,
  jhmdb: 15,
  posetrack18: 17,
  ap10k: 17,
  animalpose: 20,
  coco_wholebody: 133,
};

/** The text of a configuration, as mmengine writes it, with a file and a class. */
const textOf = (maps: number, metainfo: string, type = 'CocoDataset') => `
model = dict(
    type='TopdownPoseEstimator',
    data_preprocessor=dict(type='PoseDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], bgr_to_rgb=True),
    backbone=dict(type='ResNet', depth=50),
    head=dict(type='HeatmapHead', in_channels=2048, out_channels=${maps},
              decoder=dict(type='MSRAHeatmap', input_size=(192, 256), heatmap_size=(48, 64), sigma=2)))
test_dataloader = dict(dataset=dict(type='${type}', ${metainfo} pipeline=[
    dict(type='LoadImage'), dict(type='GetBBoxCenterScale'), dict(type='TopdownAffine', input_size=(192, 256)), dict(type='PackPoseInputs')]))
`;
const poseOf = (text: string, dataset_meta?: unknown) => configOfMm({ cfg: text, dataset_meta }, 'x.pth', {})?.pose;
const fileOf = (name: string) => `metainfo=dict(from_file='configs/_base_/datasets/${name}.py'),`;

describe('the keypoints of a data set of mmpose', () => {
  for (const [name, count] of Object.entries(counts)) {
    it(`${name} are ${count}, with links and pairs among them`, () => {
      const { dataset_name, keypoint_id2name, skeleton_links, flip_pairs, sigmas } = keypointMeta(`${name}.py`)!;
      const names = Object.values(keypoint_id2name);
      expect(dataset_name).to.equal(name);
      expect(names).to.have.length(count);
      expect(new Set(names).size).to.equal(count);
      expect(sigmas).to.have.length(count);
      for (const sigma of sigmas) expect(sigma).to.be.within(0.005, 0.2);
      for (const place of [...skeleton_links, ...flip_pairs].flat()) expect(place).to.be.within(0, count - 1);
      expect(new Set(flip_pairs.flat()).size).to.equal(2 * flip_pairs.length);
      const paired = new Set(flip_pairs.flat());
      const sided = names.flatMap((other, i) => (/^(left|right|L|R)_/.test(other) && !paired.has(i) ? other : []));
      expect(sided).to.deep.equal([]);
      expect(poseOf(textOf(count, fileOf(name)))?.keypoints?.names).to.deep.equal(names);
    });
  }

  it('COCO-WholeBody follow those of the body: feet, face and hands', () => {
    const { keypoint_id2name, skeleton_links, flip_pairs, sigmas } = keypointMeta('CocoWholeBodyDataset')!;
    const { keypoints } = datasets.coco_keypoints;
    expect(Object.values(keypoint_id2name).slice(0, 17)).to.deep.equal(keypoints.names);
    expect([17, 22, 23, 90, 91, 132].map((i) => keypoint_id2name[i])).to.deep.equal([
      'left_big_toe',
      'right_heel',
      'face-0',
      'face-67',
      'left_hand_root',
      'right_pinky_finger4',
    ]);
    expect(skeleton_links).to.have.length(65);
    expect(skeleton_links.slice(-4)).to.deep.equal([
      [112, 129],
      [129, 130],
      [130, 131],
      [131, 132],
    ]);
    expect(flip_pairs).to.have.length(61);
    expect(sigmas.slice(91, 112)).to.deep.equal(sigmas.slice(112));
  });

  it('are found by the class if there is no file', () => {
    expect(poseOf(textOf(14, '', 'CrowdPoseDataset'))?.keypoints?.names[12]).to.equal('top_head');
    expect(poseOf(textOf(17, '', 'mmpose.OCHumanDataset'))?.dataset).to.equal('coco_keypoints');
    expect(poseOf(textOf(17, '', 'AP10KDataset'))?.class).to.equal('animal');
  });

  it('give way to those beside the weights and in the configuration', () => {
    const dataset_meta = { dataset_name: 'mine', keypoint_id2name: { 0: 'a', 1: 'b' } };
    expect(poseOf(textOf(2, fileOf('mpii')), dataset_meta)?.keypoints?.names).to.deep.equal(['a', 'b']);
    const inline = "metainfo=dict(dataset_name='mine', keypoint_info={0: dict(name='c'), 1: dict(name='d')}),";
    expect(poseOf(textOf(2, inline), { CLASSES: ['x'] })?.keypoints?.names).to.deep.equal(['c', 'd']);
  });

  it('of another number than the heatmaps are refused with both numbers', () => {
    expect(() => poseOf(textOf(17, fileOf('mpii')))).to.throw(
      'the head has 17 keypoints (out_channels), the data set mpii 16',
    );
    expect(() => poseOf(textOf(22, fileOf('birds')))).to.throw(/22 keypoints are \(the data set is birds\.py\)/);
  });
});
