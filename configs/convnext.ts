import { datasets, imageNet22k } from '../src/datasets/index.ts';
import type { Publisher, TrainingData, ZooEntry } from './entry.ts';
import {
  cascadeMaskRcnnGiou,
  classifier,
  type Figures,
  maskRcnn,
  mmdetection,
  mmsegmentation,
  mogaNetPose,
  type PoseSize,
  published,
  square,
  unstretched,
  uperNet,
} from './helpers.ts';

/** The official ConvNeXt classifiers, and the dense models that mmdetection and mmsegmentation publish on them. */

/** Parameters and FLOPs are in the paper, the scores in both. */
const source = 'arXiv 2201.03545, tables 1 and 12; github.com/facebookresearch/ConvNeXt, README at 048efcea';
const publisher: Publisher = { name: 'github.com/facebookresearch/ConvNeXt', licence: 'MIT' };

type Arch = 't' | 's' | 'b' | 'l' | 'xl';

const convnext = (arch: Arch) => ({ type: 'convnext' as const, arch });

/** The official evaluation at 224 pixels: short side 256, bicubic, center crop. The pyramid has no norms. */
const imageNet = (name: string, arch: Arch, figures: Figures, file: string, trainedOn?: TrainingData[]): ZooEntry =>
  classifier(
    name,
    { ...convnext(arch), outputNorms: false },
    { size: 224, cropPct: 0.875 },
    {
      publisher,
      trainedOn,
      weights: { url: `https://dl.fbaipublicfiles.com/convnext/${file}.pth` },
      published: published('classification', figures, source, square(224)),
    },
  );

const keypoints = (arch: Arch, size: PoseSize, figures: Figures): ZooEntry =>
  mogaNetPose(`convnext_${arch}`, convnext(arch), size, figures);

/** As mmsegmentation evaluates its ConvNeXt segmentors. */
const sliding = { input: unstretched, slide: { crop: square(512), stride: square(341) } };

// biome-ignore format: one row per model
export const convNextModels: readonly ZooEntry[] = [
  // ImageNet-1k                  [parameters (M), FLOPs (G), top-1]
  imageNet('convnext_tiny',   't',  [ 29,  4.5, 82.1], 'convnext_tiny_1k_224_ema'),
  imageNet('convnext_small',  's',  [ 50,  8.7, 83.1], 'convnext_small_1k_224_ema'),
  imageNet('convnext_base',   'b',  [ 89, 15.4, 83.8], 'convnext_base_1k_224_ema'),
  imageNet('convnext_large',  'l',  [198, 34.4, 84.3], 'convnext_large_1k_224_ema'),
  // not published without ImageNet-22k
  imageNet('convnext_xlarge', 'xl', [350, 60.9, 87.0], 'convnext_xlarge_22k_1k_224_ema', [datasets.imagenet, imageNet22k]),

  // COCO: [box AP, mask AP]
  maskRcnn('mask_rcnn_convnext_t_p4_w7_fpn_amp_ms_crop_3x_coco', convnext('t'), '3x',
    mmdetection([46.2, 41.7], 'convnext/mask_rcnn_convnext-t_p4_w7_fpn_fp16_ms-crop_3x_coco/mask_rcnn_convnext-t_p4_w7_fpn_fp16_ms-crop_3x_coco_20220426_154953-050731f4')),
  cascadeMaskRcnnGiou('cascade_mask_rcnn_convnext_s_p4_w7_fpn_4conv1fc_giou_amp_ms_crop_3x_coco', convnext('s'), '3x',
    mmdetection([51.8, 44.8], 'convnext/cascade_mask_rcnn_convnext-s_p4_w7_fpn_giou_4conv1f_fp16_ms-crop_3x_coco/cascade_mask_rcnn_convnext-s_p4_w7_fpn_giou_4conv1f_fp16_ms-crop_3x_coco_20220510_201004-3d24f5a4')),

  // ADE20K: [mIoU, with several scales and flips]
  uperNet('convnext_tiny_upernet_8xb2_amp_160k_ade20k_512x512', convnext('t'),
    mmsegmentation([46.11, 46.62], 'convnext/upernet_convnext_tiny_fp16_512x512_160k_ade20k/upernet_convnext_tiny_fp16_512x512_160k_ade20k_20220227_124553-cad485de'), sliding),
  uperNet('convnext_small_upernet_8xb2_amp_160k_ade20k_512x512', convnext('s'),
    mmsegmentation([48.56, 49.02], 'convnext/upernet_convnext_small_fp16_512x512_160k_ade20k/upernet_convnext_small_fp16_512x512_160k_ade20k_20220227_131208-1b1e394f'), sliding),

  // COCO keypoints, boxes of a detector   [parameters (M), FLOPs (G), AP, AP50, AP75, AR, AR(M), AR(L)]
  keypoints('t', [256, 192], [33.0,  5.5, 73.2, 90.0, 80.9, 78.8, 74.5, 85.1]),
  keypoints('t', [384, 288], [33.0, 12.5, 75.3, 90.4, 82.1, 80.5, 76.1, 86.8]),
  keypoints('s', [256, 192], [54.7,  9.7, 73.7, 90.3, 81.9, 79.3, 75.0, 85.5]),
  keypoints('s', [384, 288], [54.7, 21.8, 75.8, 90.7, 83.1, 81.0, 76.8, 87.1]),
  keypoints('b', [256, 192], [93.9, 16.3, 74.0, 90.7, 82.1, 79.5, 75.2, 85.7]),
  keypoints('b', [384, 288], [93.9, 36.6, 75.9, 90.6, 83.1, 81.1, 76.5, 87.7]),
];
