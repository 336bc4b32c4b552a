import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme, releases } from './common/moganet.ts';

export default {
  name: 'moganet_xt_256',
  config: imageNet('moganet_xt_256', 'xt', { size: 256 }),
  weights: { url: `${releases}/moganet-in1k-weights/moganet_xtiny_sz256_8xbs128_ep300.pth.tar` },
  published: {
    params: 2.97,
    flops: 1.04,
    input: { height: 256, width: 256 },
    scores: { 'top-1': 77.2, 'top-5': 93.8 },
    source: readme,
  },
} satisfies ZooEntry;
