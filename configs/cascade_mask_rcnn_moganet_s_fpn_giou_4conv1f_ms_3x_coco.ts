import type { ZooEntry } from './common/entry.ts';
import { cascadeMaskRcnnGiou, readme, releases } from './common/moganet.ts';

export default {
  name: 'cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco',
  config: cascadeMaskRcnnGiou('cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco', 's'),
  weights: { url: `${releases}/moganet-det-weights/cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco.pth` },
  published: {
    params: 82.8,
    flops: 750.2,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 51.7, 'mask AP': 45.1 },
    source: readme,
  },
} satisfies ZooEntry;
