import { uperNet } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { segmentation, segmentationInput, segmentationSource, slide } from './common/openmmlab.ts';

export default {
  name: 'convnext_tiny_upernet_8xb2_amp_160k_ade20k_512x512',
  config: uperNet(
    'convnext_tiny_upernet_8xb2_amp_160k_ade20k_512x512',
    { type: 'convnext', arch: 't' },
    { input: segmentationInput, slide },
  ),
  weights: {
    url: `${segmentation}/convnext/upernet_convnext_tiny_fp16_512x512_160k_ade20k/upernet_convnext_tiny_fp16_512x512_160k_ade20k_20220227_124553-cad485de.pth`,
  },
  published: { scores: { mIoU: 46.11, 'mIoU(ms+flip)': 46.62 }, source: segmentationSource },
} satisfies ZooEntry;
