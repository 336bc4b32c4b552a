import type { ZooEntry } from './common/entry.ts';
import { cascadeMaskRcnnGiou, readme, releases } from './common/moganet.ts';

export default {
  name: 'cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco',
  config: cascadeMaskRcnnGiou('cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco', 'b'),
  weights: { url: `${releases}/moganet-det-weights/cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco.pth` },
  published: {
    params: 101.2,
    flops: 851.6,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 52.6, 'mask AP': 46 },
    source: readme,
  },
} satisfies ZooEntry;
