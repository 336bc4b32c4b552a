import type { ZooEntry } from './common/entry.ts';
import { readme, releases, uperNet } from './common/moganet.ts';

export default {
  name: 'upernet_moganet_xt_512x512_160k_ade20k',
  config: uperNet('upernet_moganet_xt_512x512_160k_ade20k', 'xt'),
  weights: { url: `${releases}/moganet-seg-weights/upernet_moganet_xtiny_512x512_160k_ade20k.pth` },
  published: {
    params: 30.4,
    flops: 855.7,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 42.2 },
    source: readme,
  },
} satisfies ZooEntry;
