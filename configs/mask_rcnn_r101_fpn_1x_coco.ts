import { maskRcnn } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { detection, detectionSource } from './common/openmmlab.ts';

export default {
  name: 'mask_rcnn_r101_fpn_1x_coco',
  config: maskRcnn('mask_rcnn_r101_fpn_1x_coco', { type: 'resnet', depth: 101 }),
  weights: {
    url: `${detection}/mask_rcnn/mask_rcnn_r101_fpn_1x_coco/mask_rcnn_r101_fpn_1x_coco_20200204-1efe0ed5.pth`,
  },
  published: { scores: { 'box AP': 40.0, 'mask AP': 36.1 }, source: detectionSource },
} satisfies ZooEntry;
