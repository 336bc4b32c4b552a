import type { ZooEntry } from './common/entry.ts';
import { readme, releases, semanticFpn } from './common/moganet.ts';

export default {
  name: 'fpn_moganet_b_80k_ade20k',
  config: semanticFpn('fpn_moganet_b_80k_ade20k', 'b'),
  weights: { url: `${releases}/moganet-seg-weights/fpn_moganet_base_80k_ade20k.pth` },
  published: {
    params: 47.5,
    flops: 293.6,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 49.3 },
    source: readme,
  },
} satisfies ZooEntry;
