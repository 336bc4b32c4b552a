import type { ZooEntry } from './common/entry.ts';
import { readme, releases, semanticFpn } from './common/moganet.ts';

export default {
  name: 'fpn_moganet_t_80k_ade20k',
  config: semanticFpn('fpn_moganet_t_80k_ade20k', 't'),
  weights: { url: `${releases}/moganet-seg-weights/fpn_moganet_tiny_80k_ade20k.pth` },
  published: {
    params: 9.1,
    flops: 107.8,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 43.1 },
    source: readme,
  },
} satisfies ZooEntry;
