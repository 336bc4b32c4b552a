import type { ZooEntry } from './common/entry.ts';
import { imageNet, releases, source } from './common/resnet.ts';

export default {
  name: 'resnet50',
  config: imageNet('resnet50', 50),
  weights: { url: `${releases}/resnet50-0676ba61.pth`, sha256: '0676ba61' },
  published: {
    params: 25.557032,
    flops: 4.09,
    input: { height: 224, width: 224 },
    scores: { 'top-1': 76.13, 'top-5': 92.862 },
    source,
  },
} satisfies ZooEntry;
