import type { ZooEntry } from './common/entry.ts';
import { readme, releases, semanticFpn } from './common/moganet.ts';

export default {
  name: 'fpn_moganet_l_80k_ade20k',
  config: semanticFpn('fpn_moganet_l_80k_ade20k', 'l'),
  weights: { url: `${releases}/moganet-seg-weights/fpn_moganet_large_80k_ade20k.pth` },
  published: {
    params: 86.2,
    flops: 418.7,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 50.2 },
    source: readme,
  },
} satisfies ZooEntry;
