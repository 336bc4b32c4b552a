import { retinaNet } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { detection, detectionSource } from './common/openmmlab.ts';

export default {
  name: 'retinanet_r50_fpn_1x_coco',
  config: retinaNet('retinanet_r50_fpn_1x_coco', { type: 'resnet', depth: 50 }),
  weights: {
    url: `${detection}/retinanet/retinanet_r50_fpn_1x_coco/retinanet_r50_fpn_1x_coco_20200130-c2398f9e.pth`,
  },
  published: { scores: { 'box AP': 36.5 }, source: detectionSource },
} satisfies ZooEntry;
