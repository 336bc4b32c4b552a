import type { ResNetConfig } from '../src/backbones/resnet.ts';
import type { Publisher, ZooEntry } from './entry.ts';
import {
  classifier,
  type Figures,
  maskRcnn,
  mmdetection,
  mmsegmentation,
  published,
  retinaNet,
  square,
  unstretched,
  uperNet,
  weightsAt,
} from './helpers.ts';

/** torchvision's ResNet classifiers, and the dense models that mmdetection and mmsegmentation publish on them. */

/** The weights that repeat the paper's training. */
const source = 'pytorch.org/vision/stable/models, IMAGENET1K_V1';
const publisher: Publisher = {
  name: 'torchvision',
  licence: 'BSD-3-Clause; its README: weights may have terms that derive from the data',
};

type Depth = ResNetConfig['depth'];

const resnet = (depth: Depth) => ({ type: 'resnet' as const, depth });

/** torchvision's evaluation: short side 256, bilinear, center crop of 224 pixels. */
const imageNet = (name: string, depth: Depth, figures: Figures, hash: string): ZooEntry =>
  classifier(
    name,
    resnet(depth),
    { size: 224, cropPct: 0.875, interpolation: 'bilinear' },
    {
      publisher,
      weights: weightsAt(`https://download.pytorch.org/models/${name}-${hash}.pth`),
      published: published('classification', figures, source, square(224)),
    },
  );

// biome-ignore format: one row per model
export const resNetModels: readonly ZooEntry[] = [
  // ImageNet-1k         [parameters (M), FLOPs (G), top-1, top-5]
  imageNet('resnet18',  18,  [11.689512,  1.81, 69.758, 89.078], 'f37072fd'),
  imageNet('resnet34',  34,  [21.797672,  3.66, 73.314, 91.420], 'b627a593'),
  imageNet('resnet50',  50,  [25.557032,  4.09, 76.130, 92.862], '0676ba61'),
  imageNet('resnet101', 101, [44.549160,  7.80, 77.374, 93.546], '63fe2227'),
  imageNet('resnet152', 152, [60.192808, 11.51, 78.312, 94.046], '394f9c45'),

  // COCO: [box AP, mask AP]
  maskRcnn('mask_rcnn_r50_fpn_1x_coco', resnet(50), '1x',
    mmdetection([38.2, 34.7], 'mask_rcnn/mask_rcnn_r50_fpn_1x_coco/mask_rcnn_r50_fpn_1x_coco_20200205-d4b0c5d6')),
  maskRcnn('mask_rcnn_r101_fpn_1x_coco', resnet(101), '1x',
    mmdetection([40.0, 36.1], 'mask_rcnn/mask_rcnn_r101_fpn_1x_coco/mask_rcnn_r101_fpn_1x_coco_20200204-1efe0ed5')),
  retinaNet('retinanet_r50_fpn_1x_coco', resnet(50), '1x',
    mmdetection([36.5], 'retinanet/retinanet_r50_fpn_1x_coco/retinanet_r50_fpn_1x_coco_20200130-c2398f9e')),

  // ADE20K: [mIoU, with several scales and flips]
  uperNet('upernet_r50_4xb4_160k_ade20k_512x512', { ...resnet(50), stem: '3x3' },
    mmsegmentation([42.05, 42.78], 'upernet/upernet_r50_512x512_160k_ade20k/upernet_r50_512x512_160k_ade20k_20200615_184328-8534de8d'), { input: unstretched }),
];
