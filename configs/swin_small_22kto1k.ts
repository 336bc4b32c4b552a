import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_small_22kto1k',
  config: imageNet('swin_small_22kto1k', 's'),
  weights: { url: `${releases}/v1.0.8/swin_small_patch4_window7_224_22kto1k_finetune.pth` },
  published: published(50, 8.7, 83.2, 97),
} satisfies ZooEntry;
