import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme, releases } from './common/moganet.ts';

export default {
  name: 'moganet_xl',
  config: imageNet('moganet_xl', 'xl'),
  weights: { url: `${releases}/moganet-in1k-weights/moganet_xlarge_sz224_8xbs64_ep300.pth.tar`, ema: true },
  published: {
    params: 180.8,
    flops: 34.5,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 85.1, 'top-5': 97.4 },
    source: readme,
  },
} satisfies ZooEntry;
