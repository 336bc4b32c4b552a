import type { ZooEntry } from './common/entry.ts';
import { maskRcnn, readme, releases } from './common/moganet.ts';

/**
 * The README's row for this model repeats the parameters and FLOPs of B (63.4, 373.1); those below are of its row for L 1x,
 * which is the same network.
 */
export default {
  name: 'mask_rcnn_moganet_l_fpn_ms_3x_coco',
  config: maskRcnn('mask_rcnn_moganet_l_fpn_ms_3x_coco', 'l'),
  weights: { url: `${releases}/moganet-det-weights/mask_rcnn_moganet_l_fpn_mstrain_480-800_3x_coco.pth` },
  published: {
    params: 102.1,
    flops: 495.3,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 50.6, 'mask AP': 44.6 },
    source: readme,
  },
} satisfies ZooEntry;
