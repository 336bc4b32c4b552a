import type { ZooEntry } from './common/entry.ts';
import { readme, releases, retinaNet } from './common/moganet.ts';

export default {
  name: 'retinanet_moganet_t_fpn_1x_coco',
  config: retinaNet('retinanet_moganet_t_fpn_1x_coco', 't'),
  weights: { url: `${releases}/moganet-det-weights/retinanet_moganet_tiny_fpn_1x_coco.pth` },
  published: {
    params: 14.4,
    flops: 173.4,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 41.4 },
    source: readme,
  },
} satisfies ZooEntry;
