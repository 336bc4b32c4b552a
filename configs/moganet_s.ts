import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme, releases } from './common/moganet.ts';

export default {
  name: 'moganet_s',
  config: imageNet('moganet_s', 's'),
  weights: { url: `${releases}/moganet-in1k-weights/moganet_small_sz224_8xbs128_ep300.pth.tar`, ema: true },
  published: {
    params: 25.3,
    flops: 4.97,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 83.4, 'top-5': 96.9 },
    source: readme,
  },
} satisfies ZooEntry;
