import type { ZooEntry } from './common/entry.ts';
import { readme, releases, retinaNet } from './common/moganet.ts';

export default {
  name: 'retinanet_moganet_l_fpn_1x_coco',
  config: retinaNet('retinanet_moganet_l_fpn_1x_coco', 'l'),
  weights: { url: `${releases}/moganet-det-weights/retinanet_moganet_large_fpn_1x_coco.pth` },
  published: {
    params: 92.4,
    flops: 476.8,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 48.7 },
    source: readme,
  },
} satisfies ZooEntry;
