import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_base_22kto1k',
  config: imageNet('swin_base_22kto1k', 'b'),
  weights: { url: `${releases}/v1.0.0/swin_base_patch4_window7_224_22kto1k.pth` },
  published: published(88, 15.4, 85.2, 97.5),
} satisfies ZooEntry;
