import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme, releases } from './common/moganet.ts';

export default {
  name: 'moganet_l',
  config: imageNet('moganet_l', 'l'),
  weights: { url: `${releases}/moganet-in1k-weights/moganet_large_sz224_8xbs64_ep300.pth.tar`, ema: true },
  published: {
    params: 82.5,
    flops: 15.9,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 84.7, 'top-5': 97.1 },
    source: readme,
  },
} satisfies ZooEntry;
