import { uperNet } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';
import { segmentation, segmentationInput, segmentationSource } from './common/openmmlab.ts';
import { readme } from './common/swin.ts';

export default {
  name: 'swin_tiny_patch4_window7_in1k_pre_upernet_8xb2_160k_ade20k_512x512',
  config: uperNet(
    'swin_tiny_patch4_window7_in1k_pre_upernet_8xb2_160k_ade20k_512x512',
    { type: 'swin', arch: 't' },
    { input: segmentationInput },
  ),
  weights: {
    url: `${segmentation}/swin/upernet_swin_tiny_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K/upernet_swin_tiny_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K_20210531_112542-e380ad3e.pth`,
  },
  published: {
    params: 60,
    flops: 945,
    input: { height: 2048, width: 512 },
    scores: { mIoU: 44.41, 'mIoU(ms+flip)': 45.79 },
    source: `${segmentationSource}; parameters and FLOPs: ${readme}`,
  },
} satisfies ZooEntry;
