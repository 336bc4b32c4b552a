import type { ZooEntry } from './common/entry.ts';
import { maskRcnn, readme, releases } from './common/moganet.ts';

export default {
  name: 'mask_rcnn_moganet_s_fpn_1x_coco',
  config: maskRcnn('mask_rcnn_moganet_s_fpn_1x_coco', 's'),
  weights: { url: `${releases}/moganet-det-weights/mask_rcnn_moganet_small_fpn_1x_coco.pth` },
  published: {
    params: 45.0,
    flops: 271.6,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 46.6, 'mask AP': 42.2 },
    source: readme,
  },
} satisfies ZooEntry;
