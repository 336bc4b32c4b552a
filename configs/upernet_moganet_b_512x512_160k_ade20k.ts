import type { ZooEntry } from './common/entry.ts';
import { readme, releases, uperNet } from './common/moganet.ts';

export default {
  name: 'upernet_moganet_b_512x512_160k_ade20k',
  config: uperNet('upernet_moganet_b_512x512_160k_ade20k', 'b'),
  weights: { url: `${releases}/moganet-seg-weights/upernet_moganet_base_512x512_160k_ade20k.pth` },
  published: {
    params: 73.7,
    flops: 1050.4,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 50.1 },
    source: readme,
  },
} satisfies ZooEntry;
