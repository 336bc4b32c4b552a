import type { ZooEntry } from './common/entry.ts';
import { readme, releases, uperNet } from './common/moganet.ts';

export default {
  name: 'upernet_moganet_s_512x512_160k_ade20k',
  config: uperNet('upernet_moganet_s_512x512_160k_ade20k', 's'),
  weights: { url: `${releases}/moganet-seg-weights/upernet_moganet_small_512x512_160k_ade20k.pth` },
  published: {
    params: 55.3,
    flops: 946.4,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 49.2 },
    source: readme,
  },
} satisfies ZooEntry;
