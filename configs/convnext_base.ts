import { imageNet, releases, source } from './common/convnext.ts';
import type { ZooEntry } from './common/entry.ts';

export default {
  name: 'convnext_base',
  config: imageNet('convnext_base', 'b'),
  weights: { url: `${releases}/convnext_base_1k_224_ema.pth` },
  published: {
    params: 89,
    flops: 15.4,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 83.8 },
    source,
  },
} satisfies ZooEntry;
