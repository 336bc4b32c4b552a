import type { ZooEntry } from './common/entry.ts';
import { cascadeMaskRcnnGiou, readme } from './common/moganet.ts';

/** The configuration and its scores are official; the weights were not published. */
export default {
  name: 'cascade_mask_rcnn_moganet_l_fpn_giou_4conv1f_ms_3x_coco',
  config: cascadeMaskRcnnGiou('cascade_mask_rcnn_moganet_l_fpn_giou_4conv1f_ms_3x_coco', 'l'),
  published: {
    params: 139.9,
    flops: 973.8,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 53.3, 'mask AP': 46.1 },
    source: readme,
  },
} satisfies ZooEntry;
