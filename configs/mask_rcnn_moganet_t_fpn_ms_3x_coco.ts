import type { ZooEntry } from './common/entry.ts';
import { maskRcnn, readme, releases } from './common/moganet.ts';

export default {
  name: 'mask_rcnn_moganet_t_fpn_ms_3x_coco',
  config: maskRcnn('mask_rcnn_moganet_t_fpn_ms_3x_coco', 't'),
  weights: { url: `${releases}/moganet-det-weights/mask_rcnn_moganet_t_fpn_mstrain_480-800_3x_coco.pth` },
  published: {
    params: 25,
    flops: 191.7,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 45.3, 'mask AP': 40.7 },
    source: readme,
  },
} satisfies ZooEntry;
