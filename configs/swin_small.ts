import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_small',
  config: imageNet('swin_small', 's'),
  weights: { url: `${releases}/v1.0.0/swin_small_patch4_window7_224.pth` },
  published: published(50, 8.7, 83.2, 96.2),
} satisfies ZooEntry;
