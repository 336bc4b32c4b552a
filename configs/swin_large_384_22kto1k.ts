import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_large_384_22kto1k',
  config: imageNet('swin_large_384_22kto1k', 'l', 384),
  weights: { url: `${releases}/v1.0.0/swin_large_patch4_window12_384_22kto1k.pth` },
  published: published(197, 103.9, 87.3, 98.2, 384),
} satisfies ZooEntry;
