import { expect } from 'chai';
import { poseHeads, segmentationHeads } from '../../heads/index.ts';
import { detectors } from '../../src/models/create.ts';
import { smallDetectors, smallPoseHeads, smallSegmentationHeads } from '../harness/small_heads.ts';
import { describeHead, describeHeadsOnEngines, type HeadCase } from './head_suite.ts';

const twoStage = { rpn_cls0: 1, rpn_reg0: 4 };
/** Channels of outputs with two classes and one anchor. RetinaNet begins at a stride of 8. */
const outputs: Readonly<Record<keyof typeof detectors, Pick<HeadCase, 'channels' | 'halvings'>>> = {
  mask_rcnn: { channels: twoStage },
  cascade_mask_rcnn: { channels: twoStage },
  retinanet: { channels: { cls0: 2, reg0: 4 }, halvings: 3 },
};

const cases: readonly HeadCase[] = [
  ...Object.values(smallDetectors).map((detection) => ({
    name: detection.type,
    heads: { detection },
    ...outputs[detection.type],
  })),
  ...Object.entries(smallSegmentationHeads).map(([name, segmentation]) => ({
    name,
    heads: { segmentation },
    channels: { seg_logits: 3 },
  })),
  ...Object.entries(smallPoseHeads).map(([name, pose]) => ({
    name,
    heads: { pose },
    channels: { heatmaps: 3 },
    halvings: 5, // of the last stage
    doublings: 2,
  })),
];

describe('the tables of heads', () => {
  it('have a small form each for the contract suite', () => {
    expect(Object.keys(smallDetectors)).to.have.members(Object.keys(detectors));
    expect(Object.keys(smallSegmentationHeads)).to.have.members(Object.keys(segmentationHeads));
    expect(Object.keys(smallPoseHeads)).to.have.members(Object.keys(poseHeads));
  });
});

for (const one of cases) describeHead(one);
describeHeadsOnEngines(cases);
