import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_tiny',
  config: imageNet('swin_tiny', 't'),
  weights: { url: `${releases}/v1.0.0/swin_tiny_patch4_window7_224.pth` },
  published: published(28, 4.5, 81.2, 95.5),
} satisfies ZooEntry;
