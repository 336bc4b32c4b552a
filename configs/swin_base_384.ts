import type { ZooEntry } from './common/entry.ts';
import { imageNet, published, releases } from './common/swin.ts';

export default {
  name: 'swin_base_384',
  config: imageNet('swin_base_384', 'b', 384),
  weights: { url: `${releases}/v1.0.0/swin_base_patch4_window12_384.pth` },
  published: published(88, 47.1, 84.5, 97, 384),
} satisfies ZooEntry;
