import type { ZooEntry } from './common/entry.ts';
import { readme, releases, retinaNet } from './common/moganet.ts';

export default {
  name: 'retinanet_moganet_s_fpn_1x_coco',
  config: retinaNet('retinanet_moganet_s_fpn_1x_coco', 's'),
  weights: { url: `${releases}/moganet-det-weights/retinanet_moganet_small_fpn_1x_coco.pth` },
  published: {
    params: 35.1,
    flops: 253,
    input: { height: 1280, width: 800 },
    scores: { 'box AP': 45.8 },
    source: readme,
  },
} satisfies ZooEntry;
