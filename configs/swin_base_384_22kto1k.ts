import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_base_384_22kto1k',
  config: imageNet('swin_base_384_22kto1k', 'b', 384),
  weights: { url: `${releases}/v1.0.0/swin_base_patch4_window12_384_22kto1k.pth` },
  published: published(88, 47.1, 86.4, 98, 384),
} satisfies ZooEntry;
