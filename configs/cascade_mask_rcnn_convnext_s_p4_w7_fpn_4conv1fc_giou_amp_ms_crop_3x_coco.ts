import { cascadeMaskRcnnGiou } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { detection, detectionSource } from './common/openmmlab.ts';

export default {
  name: 'cascade_mask_rcnn_convnext_s_p4_w7_fpn_4conv1fc_giou_amp_ms_crop_3x_coco',
  config: cascadeMaskRcnnGiou('cascade_mask_rcnn_convnext_s_p4_w7_fpn_4conv1fc_giou_amp_ms_crop_3x_coco', {
    type: 'convnext',
    arch: 's',
  }),
  weights: {
    url: `${detection}/convnext/cascade_mask_rcnn_convnext-s_p4_w7_fpn_giou_4conv1f_fp16_ms-crop_3x_coco/cascade_mask_rcnn_convnext-s_p4_w7_fpn_giou_4conv1f_fp16_ms-crop_3x_coco_20220510_201004-3d24f5a4.pth`,
  },
  published: { scores: { 'box AP': 51.8, 'mask AP': 44.8 }, source: detectionSource },
} satisfies ZooEntry;
