import { uperNet } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { segmentation, segmentationInput, segmentationSource } from './common/openmmlab.ts';

export default {
  name: 'upernet_r50_4xb4_160k_ade20k_512x512',
  config: uperNet(
    'upernet_r50_4xb4_160k_ade20k_512x512',
    { type: 'resnet', depth: 50, stem: '3x3' },
    { input: segmentationInput },
  ),
  weights: {
    url: `${segmentation}/upernet/upernet_r50_512x512_160k_ade20k/upernet_r50_512x512_160k_ade20k_20200615_184328-8534de8d.pth`,
  },
  published: { scores: { mIoU: 42.05, 'mIoU(ms+flip)': 42.78 }, source: segmentationSource },
} satisfies ZooEntry;
