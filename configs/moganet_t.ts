import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme, releases } from './common/moganet.ts';

export default {
  name: 'moganet_t',
  config: imageNet('moganet_t', 't'),
  weights: { url: `${releases}/moganet-in1k-weights/moganet_tiny_sz224_8xbs128_ep300.pth.tar` },
  published: {
    params: 5.2,
    flops: 1.1,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 79.0, 'top-5': 94.6 },
    source: readme,
  },
} satisfies ZooEntry;
