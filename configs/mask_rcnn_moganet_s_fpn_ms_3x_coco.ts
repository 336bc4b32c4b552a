import type { ZooEntry } from './common/entry.ts';
import { maskRcnn, readme, releases } from './common/moganet.ts';

export default {
  name: 'mask_rcnn_moganet_s_fpn_ms_3x_coco',
  config: maskRcnn('mask_rcnn_moganet_s_fpn_ms_3x_coco', 's'),
  weights: { url: `${releases}/moganet-det-weights/mask_rcnn_moganet_s_fpn_mstrain_480-800_3x_coco.pth` },
  published: {
    params: 45,
    flops: 271.6,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 48.5, 'mask AP': 43.1 },
    source: readme,
  },
} satisfies ZooEntry;
