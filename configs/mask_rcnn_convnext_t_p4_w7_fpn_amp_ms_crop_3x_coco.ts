import { maskRcnn } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { detection, detectionSource } from './common/openmmlab.ts';

export default {
  name: 'mask_rcnn_convnext_t_p4_w7_fpn_amp_ms_crop_3x_coco',
  config: maskRcnn('mask_rcnn_convnext_t_p4_w7_fpn_amp_ms_crop_3x_coco', { type: 'convnext', arch: 't' }),
  weights: {
    url: `${detection}/convnext/mask_rcnn_convnext-t_p4_w7_fpn_fp16_ms-crop_3x_coco/mask_rcnn_convnext-t_p4_w7_fpn_fp16_ms-crop_3x_coco_20220426_154953-050731f4.pth`,
  },
  published: { scores: { 'box AP': 46.2, 'mask AP': 41.7 }, source: detectionSource },
} satisfies ZooEntry;
