import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme, releases } from './common/moganet.ts';

export default {
  name: 'moganet_xt',
  config: imageNet('moganet_xt', 'xt'),
  weights: { url: `${releases}/moganet-in1k-weights/moganet_xtiny_sz224_8xbs128_ep300.pth.tar` },
  published: {
    params: 2.97,
    flops: 0.8,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 76.5, 'top-5': 93.4 },
    source: readme,
  },
} satisfies ZooEntry;
