import { imageNet, releases, source } from './common/convnext.ts';
import type { ZooEntry } from './common/entry.ts';

/** Trained on ImageNet-22k first; it is not published without. */
export default {
  name: 'convnext_xlarge',
  config: imageNet('convnext_xlarge', 'xl'),
  weights: { url: `${releases}/convnext_xlarge_22k_1k_224_ema.pth` },
  published: {
    params: 350,
    flops: 60.9,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 87.0 },
    source,
  },
} satisfies ZooEntry;
