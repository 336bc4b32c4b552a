import { maskRcnn } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { detection, detectionSource } from './common/openmmlab.ts';
import { readme } from './common/swin.ts';

export default {
  name: 'mask_rcnn_swin_t_p4_w7_fpn_1x_coco',
  config: maskRcnn('mask_rcnn_swin_t_p4_w7_fpn_1x_coco', { type: 'swin', arch: 't' }),
  weights: {
    url: `${detection}/swin/mask_rcnn_swin-t-p4-w7_fpn_1x_coco/mask_rcnn_swin-t-p4-w7_fpn_1x_coco_20210902_120937-9d6b7cfa.pth`,
  },
  published: {
    params: 48,
    flops: 267,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 42.7, 'mask AP': 39.3 },
    source: `${detectionSource}; parameters and FLOPs: ${readme}`,
  },
} satisfies ZooEntry;
