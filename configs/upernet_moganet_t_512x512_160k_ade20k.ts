import type { ZooEntry } from './common/entry.ts';
import { readme, releases, uperNet } from './common/moganet.ts';

export default {
  name: 'upernet_moganet_t_512x512_160k_ade20k',
  config: uperNet('upernet_moganet_t_512x512_160k_ade20k', 't'),
  weights: { url: `${releases}/moganet-seg-weights/upernet_moganet_tiny_512x512_160k_ade20k.pth` },
  published: {
    params: 33.1,
    flops: 862.4,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 43.7 },
    source: readme,
  },
} satisfies ZooEntry;
