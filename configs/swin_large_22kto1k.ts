import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_large_22kto1k',
  config: imageNet('swin_large_22kto1k', 'l'),
  weights: { url: `${releases}/v1.0.0/swin_large_patch4_window7_224_22kto1k.pth` },
  published: published(197, 34.5, 86.3, 97.9),
} satisfies ZooEntry;
