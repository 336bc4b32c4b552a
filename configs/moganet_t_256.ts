import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme, releases } from './common/moganet.ts';

export default {
  name: 'moganet_t_256',
  config: imageNet('moganet_t_256', 't', { size: 256 }),
  weights: { url: `${releases}/moganet-in1k-weights/moganet_tiny_sz256_8xbs128_ep300.pth.tar` },
  published: {
    params: 5.2,
    flops: 1.44,
    input: { height: 256, width: 256 },
    scores: { 'top-1': 79.6, 'top-5': 94.9 },
    source: readme,
  },
} satisfies ZooEntry;
