import { maskRcnn } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { detection, detectionSource } from './common/openmmlab.ts';

export default {
  name: 'mask_rcnn_r50_fpn_1x_coco',
  config: maskRcnn('mask_rcnn_r50_fpn_1x_coco', { type: 'resnet', depth: 50 }),
  weights: {
    url: `${detection}/mask_rcnn/mask_rcnn_r50_fpn_1x_coco/mask_rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6.pth`,
  },
  published: { scores: { 'box AP': 38.2, 'mask AP': 34.7 }, source: detectionSource },
} satisfies ZooEntry;
