import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_base',
  config: imageNet('swin_base', 'b'),
  weights: { url: `${releases}/v1.0.0/swin_base_patch4_window7_224.pth` },
  published: published(88, 15.4, 83.5, 96.5),
} satisfies ZooEntry;
