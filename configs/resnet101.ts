import type { ZooEntry } from './common/entry.ts';
import { imageNet, releases, source } from './common/resnet.ts';

export default {
  name: 'resnet101',
  config: imageNet('resnet101', 101),
  weights: { url: `${releases}/resnet101-63fe2227.pth`, sha256: '63fe2227' },
  published: {
    params: 44.54916,
    flops: 7.8,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 77.374, 'top-5': 93.546 },
    source,
  },
} satisfies ZooEntry;
