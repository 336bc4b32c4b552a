import type { ZooEntry } from './common/entry.ts';
import { readme, releases, retinaNet } from './common/moganet.ts';

export default {
  name: 'retinanet_moganet_b_fpn_1x_coco',
  config: retinaNet('retinanet_moganet_b_fpn_1x_coco', 'b'),
  weights: { url: `${releases}/moganet-det-weights/retinanet_moganet_base_fpn_1x_coco.pth` },
  published: {
    params: 53.5,
    flops: 354.5,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 47.7 },
    source: readme,
  },
} satisfies ZooEntry;
