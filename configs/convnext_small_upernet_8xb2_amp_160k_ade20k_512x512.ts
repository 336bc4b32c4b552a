import { uperNet } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { segmentation, segmentationInput, segmentationSource, slide } from './common/openmmlab.ts';

export default {
  name: 'convnext_small_upernet_8xb2_amp_160k_ade20k_512x512',
  config: uperNet(
    'convnext_small_upernet_8xb2_amp_160k_ade20k_512x512',
    { type: 'convnext', arch: 's' },
    { input: segmentationInput, slide },
  ),
  weights: {
    url: `${segmentation}/convnext/upernet_convnext_small_fp16_512x512_160k_ade20k/upernet_convnext_small_fp16_512x512_160k_ade20k_20220227_131208-1b1e394f.pth`,
  },
  published: { scores: { mIoU: 48.56, 'mIoU(ms+flip)': 49.02 }, source: segmentationSource },
} satisfies ZooEntry;
