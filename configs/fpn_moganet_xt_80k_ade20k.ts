import type { ZooEntry } from './common/entry.ts';
import { readme, releases, semanticFpn } from './common/moganet.ts';

export default {
  name: 'fpn_moganet_xt_80k_ade20k',
  config: semanticFpn('fpn_moganet_xt_80k_ade20k', 'xt'),
  weights: { url: `${releases}/moganet-seg-weights/fpn_moganet_xtiny_80k_ade20k.pth` },
  published: {
    params: 6.9,
    flops: 101.4,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 40.3 },
    source: readme,
  },
} satisfies ZooEntry;
