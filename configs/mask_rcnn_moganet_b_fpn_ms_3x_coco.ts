import type { ZooEntry } from './common/entry.ts';
import { maskRcnn, readme, releases } from './common/moganet.ts';

export default {
  name: 'mask_rcnn_moganet_b_fpn_ms_3x_coco',
  config: maskRcnn('mask_rcnn_moganet_b_fpn_ms_3x_coco', 'b'),
  weights: { url: `${releases}/moganet-det-weights/mask_rcnn_moganet_b_fpn_mstrain_480-800_3x_coco.pth` },
  published: {
    params: 63.4,
    flops: 373.1,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 50.3, 'mask AP': 44.4 },
    source: readme,
  },
} satisfies ZooEntry;
