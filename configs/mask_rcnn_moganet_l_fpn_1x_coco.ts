import type { ZooEntry } from './common/entry.ts';
import { maskRcnn, readme, releases } from './common/moganet.ts';

export default {
  name: 'mask_rcnn_moganet_l_fpn_1x_coco',
  config: maskRcnn('mask_rcnn_moganet_l_fpn_1x_coco', 'l'),
  weights: { url: `${releases}/moganet-det-weights/mask_rcnn_moganet_large_fpn_1x_coco.pth` },
  published: {
    params: 102.1,
    flops: 495.3,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 49.4, 'mask AP': 44.2 },
    source: readme,
  },
} satisfies ZooEntry;
