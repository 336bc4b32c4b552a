import type { ZooEntry } from './common/entry.ts';
import { maskRcnn, readme, releases } from './common/moganet.ts';

export default {
  name: 'mask_rcnn_moganet_t_fpn_1x_coco',
  config: maskRcnn('mask_rcnn_moganet_t_fpn_1x_coco', 't'),
  weights: { url: `${releases}/moganet-det-weights/mask_rcnn_moganet_tiny_fpn_1x_coco.pth` },
  published: {
    params: 25.0,
    flops: 191.7,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 42.6, 'mask AP': 39.1 },
    source: readme,
  },
} satisfies ZooEntry;
