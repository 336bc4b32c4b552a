import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme, releases } from './common/moganet.ts';

export default {
  name: 'moganet_b',
  config: imageNet('moganet_b', 'b'),
  weights: { url: `${releases}/moganet-in1k-weights/moganet_base_sz224_8xbs128_ep300.pth.tar`, ema: true },
  published: {
    params: 43.9,
    flops: 9.93,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 84.3, 'top-5': 97.0 },
    source: readme,
  },
} satisfies ZooEntry;
