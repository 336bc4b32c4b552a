import type { ZooEntry } from './common/entry.ts';

/**
 * The official evaluation resizes the short side to 288 with OpenCV, which does not smooth, and takes bytes in the order blue, green,
 * red as they are, divided by 255.
 */
export default {
  name: 'parcnet_s',
  config: {
    name: 'parcnet_s',
    backbone: { type: 'parcnet', arch: 's' },
    classification: { dataset: 'imagenet', input: { size: 256, cropPct: 256 / 288, interpolation: 'bilinear' } },
    image: { mean: [0, 0, 0], std: [255, 255, 255], channelOrder: 'bgr' },
  },
  weights: {
    url: 'https://github.com/hkzhang-git/ParC-Net/raw/main/pretrained_models/classification/checkpoint_ema_avg.pt',
  },
  published: {
    params: 5,
    flops: 1.74,
    rule: 'macs',
    input: { height: 256, width: 256 },
    scores: { 'top-1': 78.6 },
    source: 'github.com/hkzhang-git/ParC-Net, Readme at f6780d0a',
    note:
      'The published 1.74 G multiply-adds count the channel attention as if it ran at every pixel, not once a map: 0.08 G more ' +
      'than there are. Tables that give 3.5 G FLOPs (arXiv 2211.03295) count a multiply-add as two.',
  },
} satisfies ZooEntry;
