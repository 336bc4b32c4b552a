import type { ZooEntry } from './common/entry.ts';
import { cascadeMaskRcnn, readme, releases } from './common/moganet.ts';

export default {
  name: 'cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco',
  config: cascadeMaskRcnn('cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco', 's'),
  weights: { url: `${releases}/moganet-det-weights/cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco.pth` },
  published: {
    params: 77.9,
    flops: 405.4,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 51.4, 'mask AP': 44.9 },
    source: readme,
  },
} satisfies ZooEntry;
