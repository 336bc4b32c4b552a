import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_tiny_22kto1k',
  config: imageNet('swin_tiny_22kto1k', 't'),
  weights: { url: `${releases}/v1.0.8/swin_tiny_patch4_window7_224_22kto1k_finetune.pth` },
  published: published(28, 4.5, 80.9, 96),
} satisfies ZooEntry;
