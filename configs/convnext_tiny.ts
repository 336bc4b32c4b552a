import { imageNet, releases, source } from './common/convnext.ts';
import type { ZooEntry } from './common/entry.ts';

export default {
  name: 'convnext_tiny',
  config: imageNet('convnext_tiny', 't'),
  weights: { url: `${releases}/convnext_tiny_1k_224_ema.pth` },
  published: {
    params: 29,
    flops: 4.5,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 82.1 },
    source,
  },
} satisfies ZooEntry;
