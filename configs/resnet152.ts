import type { ZooEntry } from './common/entry.ts';
import { imageNet, releases, source } from './common/resnet.ts';

export default {
  name: 'resnet152',
  config: imageNet('resnet152', 152),
  weights: { url: `${releases}/resnet152-394f9c45.pth`, sha256: '394f9c45' },
  published: {
    params: 60.192808,
    flops: 11.51,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 78.312, 'top-5': 94.046 },
    source,
  },
} satisfies ZooEntry;
