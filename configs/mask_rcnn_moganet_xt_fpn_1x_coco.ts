import type { ZooEntry } from './common/entry.ts';
import { maskRcnn, readme, releases } from './common/moganet.ts';

export default {
  name: 'mask_rcnn_moganet_xt_fpn_1x_coco',
  config: maskRcnn('mask_rcnn_moganet_xt_fpn_1x_coco', 'xt'),
  weights: { url: `${releases}/moganet-det-weights/mask_rcnn_moganet_xtiny_fpn_1x_coco.pth` },
  published: {
    params: 22.8,
    flops: 185.4,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 40.7, 'mask AP': 37.6 },
    source: readme,
  },
} satisfies ZooEntry;
