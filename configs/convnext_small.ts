import { imageNet, releases, source } from './common/convnext.ts';
import type { ZooEntry } from './common/entry.ts';

export default {
  name: 'convnext_small',
  config: imageNet('convnext_small', 's'),
  weights: { url: `${releases}/convnext_small_1k_224_ema.pth` },
  published: {
    params: 50,
    flops: 8.7,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 83.1 },
    source,
  },
} satisfies ZooEntry;
