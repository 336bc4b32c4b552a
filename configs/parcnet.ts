import type { ZooEntry } from './entry.ts';
import { classifier, published, square } from './helpers.ts';

/** The official ParC-Net classifier that has weights. */
export const parcNetModels: readonly ZooEntry[] = [
  classifier(
    'parcnet_s',
    { type: 'parcnet', arch: 's' },
    // the official evaluation resizes the short side to 288 with OpenCV, which does not smooth
    { size: 256, cropPct: 256 / 288, interpolation: 'bilinear' },
    {
      publisher: { name: 'github.com/hkzhang-git/ParC-Net', licence: 'none stated: ask its authors' },
      weights: {
        url: 'https://github.com/hkzhang-git/ParC-Net/raw/main/pretrained_models/classification/checkpoint_ema_avg.pt',
      },
      published: {
        ...published(
          'classification',
          [5, 1.74, 78.6],
          'github.com/hkzhang-git/ParC-Net, Readme at f6780d0a',
          square(256),
        ),
        rule: 'macs',
        note:
          'The published 1.74 G multiply-adds count the channel attention as if it ran at every pixel, not once a map: 0.08 G more ' +
          'than there are. Tables that give 3.5 G FLOPs (arXiv 2211.03295) count a multiply-add as two.',
      },
    },
    // its bytes are in the order blue, green, red and only divided by 255
    { mean: [0, 0, 0], std: [255, 255, 255], channelOrder: 'bgr' },
  ),
];
