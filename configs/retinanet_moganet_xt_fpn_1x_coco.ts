import type { ZooEntry } from './common/entry.ts';
import { readme, releases, retinaNet } from './common/moganet.ts';

export default {
  name: 'retinanet_moganet_xt_fpn_1x_coco',
  config: retinaNet('retinanet_moganet_xt_fpn_1x_coco', 'xt'),
  weights: { url: `${releases}/moganet-det-weights/retinanet_moganet_xtiny_fpn_1x_coco.pth` },
  published: {
    params: 12.1,
    flops: 167.2,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 39.7 },
    source: readme,
  },
} satisfies ZooEntry;
