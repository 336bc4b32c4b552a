import type { ZooEntry } from './common/entry.ts';
import { readme, releases, uperNet } from './common/moganet.ts';

export default {
  name: 'upernet_moganet_l_512x512_160k_ade20k',
  config: uperNet('upernet_moganet_l_512x512_160k_ade20k', 'l'),
  weights: { url: `${releases}/moganet-seg-weights/upernet_moganet_large_512x512_160k_ade20k.pth` },
  published: {
    params: 113.2,
    flops: 1176.1,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 50.9 },
    source: readme,
  },
} satisfies ZooEntry;
