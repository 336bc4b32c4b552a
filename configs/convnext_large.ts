import { imageNet, releases, source } from './common/convnext.ts';
import type { ZooEntry } from './common/entry.ts';

export default {
  name: 'convnext_large',
  config: imageNet('convnext_large', 'l'),
  weights: { url: `${releases}/convnext_large_1k_224_ema.pth` },
  published: {
    params: 198,
    flops: 34.4,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 84.3 },
    source,
  },
} satisfies ZooEntry;
