import type { ZooEntry } from './common/entry.ts';
import { readme, releases, semanticFpn } from './common/moganet.ts';

export default {
  name: 'fpn_moganet_s_80k_ade20k',
  config: semanticFpn('fpn_moganet_s_80k_ade20k', 's'),
  weights: { url: `${releases}/moganet-seg-weights/fpn_moganet_small_80k_ade20k.pth` },
  published: {
    params: 29.1,
    flops: 189.7,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 47.7 },
    source: readme,
  },
} satisfies ZooEntry;
