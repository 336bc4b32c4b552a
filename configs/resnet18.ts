import type { ZooEntry } from './common/entry.ts';
import { imageNet, releases, source } from './common/resnet.ts';

export default {
  name: 'resnet18',
  config: imageNet('resnet18', 18),
  weights: { url: `${releases}/resnet18-f37072fd.pth`, sha256: 'f37072fd' },
  published: {
    params: 11.689512,
    flops: 1.81,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 69.758, 'top-5': 89.078 },
    source,
  },
} satisfies ZooEntry;
