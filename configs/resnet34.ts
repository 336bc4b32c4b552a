import type { ZooEntry } from './common/entry.ts';
import { imageNet, releases, source } from './common/resnet.ts';

export default {
  name: 'resnet34',
  config: imageNet('resnet34', 34),
  weights: { url: `${releases}/resnet34-b627a593.pth`, sha256: 'b627a593' },
  published: {
    params: 21.797672,
    flops: 3.66,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 73.314, 'top-5': 91.42 },
    source,
  },
} satisfies ZooEntry;
