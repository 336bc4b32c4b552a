import type { SwinConfig } from '../src/backbones/swin.ts';
import { datasets, imageNet22k } from '../src/datasets/index.ts';
import type { Publisher, TrainingData, ZooEntry } from './entry.ts';
import {
  classifier,
  type Figures,
  maskRcnn,
  mmdetection,
  mmpose,
  mmsegmentation,
  type PoseSize,
  pose,
  published,
  retinaNet,
  square,
  unstretched,
  uperNet,
} from './helpers.ts';

/** Microsoft's Swin classifiers, and the dense models that mmdetection and mmsegmentation publish on them. */

const readme = 'github.com/microsoft/Swin-Transformer, README at f82860bf';
const publisher: Publisher = { name: 'github.com/SwinTransformer/storage', licence: 'MIT' };

type Arch = Extract<SwinConfig['arch'], string>;

const swin = (arch: Arch) => ({ type: 'swin' as const, arch });

/**
 * At 224 pixels the official evaluation takes a center crop of the image, its short side resized to 256. At 384 it stretches the
 * whole image to a square; the center crop is taken instead, as timm does with these weights. The README counts multiply-adds.
 */
function imageNet(
  name: string,
  arch: Arch,
  size: 224 | 384,
  figures: Figures,
  file: string,
  trainedOn?: TrainingData[],
): ZooEntry {
  const backbone = size === 384 ? { ...swin(arch), window: 12, imageSize: size } : swin(arch);
  return classifier(
    name,
    backbone,
    { size, cropPct: size === 384 ? 1 : 0.875 },
    {
      publisher,
      trainedOn,
      weights: { url: `https://github.com/SwinTransformer/storage/releases/download/${file}.pth` },
      published: { ...published('classification', figures, readme, square(size)), rule: 'macs' },
    },
  );
}

/** On images of the larger size, windows have 12 pixels. The backbones of B saw ImageNet-22k. */
function keypoints(
  arch: 't' | 'b',
  [height, width]: PoseSize,
  figures: Figures,
  hash: string,
  note?: string,
): ZooEntry {
  const name = `swin_${arch}_p4_w7_coco_${height}x${width}`;
  const backbone = height === 384 ? { ...swin(arch), window: 12 } : swin(arch);
  const facts = mmpose(`swin/${name}-${hash}`, figures, { height, width }, note);
  const trainedOn = arch === 'b' ? [datasets.coco_keypoints, imageNet22k] : undefined;
  return pose(name, backbone, [height, width], { ...facts, trainedOn });
}

const more = [datasets.imagenet, imageNet22k];

const counted = (params: number, flops: number) => ({ params, flops, source: readme });

// biome-ignore format: one row per model
export const swinModels: readonly ZooEntry[] = [
  // ImageNet-1k                              size [parameters (M), FLOPs (G), top-1, top-5]
  imageNet('swin_tiny',              't', 224, [ 28,   4.5, 81.2, 95.5], 'v1.0.0/swin_tiny_patch4_window7_224'),
  imageNet('swin_small',             's', 224, [ 50,   8.7, 83.2, 96.2], 'v1.0.0/swin_small_patch4_window7_224'),
  imageNet('swin_base',              'b', 224, [ 88,  15.4, 83.5, 96.5], 'v1.0.0/swin_base_patch4_window7_224'),
  imageNet('swin_base_384',          'b', 384, [ 88,  47.1, 84.5, 97.0], 'v1.0.0/swin_base_patch4_window12_384'),
  imageNet('swin_tiny_22kto1k',      't', 224, [ 28,   4.5, 80.9, 96.0], 'v1.0.8/swin_tiny_patch4_window7_224_22kto1k_finetune', more),
  imageNet('swin_small_22kto1k',     's', 224, [ 50,   8.7, 83.2, 97.0], 'v1.0.8/swin_small_patch4_window7_224_22kto1k_finetune', more),
  imageNet('swin_base_22kto1k',      'b', 224, [ 88,  15.4, 85.2, 97.5], 'v1.0.0/swin_base_patch4_window7_224_22kto1k', more),
  imageNet('swin_base_384_22kto1k',  'b', 384, [ 88,  47.1, 86.4, 98.0], 'v1.0.0/swin_base_patch4_window12_384_22kto1k', more),
  imageNet('swin_large_22kto1k',     'l', 224, [197,  34.5, 86.3, 97.9], 'v1.0.0/swin_large_patch4_window7_224_22kto1k', more),
  imageNet('swin_large_384_22kto1k', 'l', 384, [197, 103.9, 87.3, 98.2], 'v1.0.0/swin_large_patch4_window12_384_22kto1k', more),

  // COCO: [box AP, mask AP]
  maskRcnn('mask_rcnn_swin_t_p4_w7_fpn_1x_coco', swin('t'), '1x',
    mmdetection([42.7, 39.3], 'swin/mask_rcnn_swin-t-p4-w7_fpn_1x_coco/mask_rcnn_swin-t-p4-w7_fpn_1x_coco_20210902_120937-9d6b7cfa', counted(48, 267))),
  maskRcnn('mask_rcnn_swin_s_p4_w7_fpn_amp_ms_crop_3x_coco', swin('s'), '3x',
    mmdetection([48.2, 43.2], 'swin/mask_rcnn_swin-s-p4-w7_fpn_fp16_ms-crop-3x_coco/mask_rcnn_swin-s-p4-w7_fpn_fp16_ms-crop-3x_coco_20210903_104808-b92c91f1', counted(69, 359))),
  // mmdetection's configuration, for which it has neither weights nor figures. Its first map is not used, and has no norm.
  retinaNet('retinanet_swin_t_p4_w7_fpn_1x_coco', { ...swin('t'), outputNorms: [1, 2, 3] }, '1x', {}),

  // ADE20K: [mIoU, with several scales and flips]
  uperNet('swin_tiny_patch4_window7_in1k_pre_upernet_8xb2_160k_ade20k_512x512', swin('t'),
    mmsegmentation([44.41, 45.79], 'swin/upernet_swin_tiny_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K/upernet_swin_tiny_patch4_window7_512x512_160k_ade20k_pretrain_224x224_1K_20210531_112542-e380ad3e', counted(60, 945)), { input: unstretched }),

  // COCO keypoints, boxes of a detector   [parameters (M), FLOPs (G), AP, AP50, AP75, AR, AR(M), AR(L)]
  keypoints('t', [256, 192], [32.8,  6.1, 72.4, 90.1, 80.6, 78.2, 74.0, 84.3], 'eaefe010_20220503'),
  keypoints('b', [256, 192], [93.0, 18.6, 73.7, 90.4, 82.0, 79.8, 74.9, 85.7], '7432be9e_20220705'),
  keypoints('b', [384, 288], [93.0, 40.1, 75.9, 91.0, 83.2, 78.8, 76.5, 87.5], '3abf54f9_20220705',
    'The published code counts 39.1 G. Nobody has said why the table has 40.1 G.'),
];
