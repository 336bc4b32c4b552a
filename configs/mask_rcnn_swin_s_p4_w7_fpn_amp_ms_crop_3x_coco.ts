import { maskRcnn } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { detection, detectionSource } from './common/openmmlab.ts';
import { readme } from './common/swin.ts';

export default {
  name: 'mask_rcnn_swin_s_p4_w7_fpn_amp_ms_crop_3x_coco',
  config: maskRcnn('mask_rcnn_swin_s_p4_w7_fpn_amp_ms_crop_3x_coco', { type: 'swin', arch: 's' }),
  weights: {
    url: `${detection}/swin/mask_rcnn_swin-s-p4-w7_fpn_fp16_ms-crop-3x_coco/mask_rcnn_swin-s-p4-w7_fpn_fp16_ms-crop-3x_coco_20210903_104808-b92c91f1.pth`,
  },
  published: {
    params: 69,
    flops: 359,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 48.2, 'mask AP': 43.2 },
    source: `${detectionSource}; parameters and FLOPs: ${readme}`,
  },
} satisfies ZooEntry;
