import type { MogaNetConfig } from '../src/backbones/moganet.ts';
import { athletePose3d, datasets } from '../src/datasets/index.ts';
import type { Facts, Publisher, ZooEntry } from './entry.ts';
import {
  cascadeMaskRcnn,
  cascadeMaskRcnnGiou,
  classifier,
  countedAt,
  type Figures,
  maskRcnn,
  mogaNetPose,
  type PoseSize,
  pose,
  published,
  retinaNet,
  semanticFpn,
  square,
  uperNet,
} from './helpers.ts';

/** The official MogaNet models, from the tables of its README. */

const readme = 'github.com/Westlake-AI/MogaNet, README at 386b548c';
const releases = 'https://github.com/Westlake-AI/MogaNet/releases/download';
const publisher: Publisher = { name: 'github.com/Westlake-AI/MogaNet', licence: 'Apache-2.0' };
const openMixup: Publisher = { name: 'github.com/Westlake-AI/openmixup', licence: 'Apache-2.0' };

type Arch = 'xt' | 't' | 's' | 'b' | 'l' | 'xl';

const moganet = (arch: Arch, options: Omit<MogaNetConfig, 'type' | 'arch'> = {}) => ({
  type: 'moganet' as const,
  arch,
  ...options,
});

/** The official code evaluates every size of model with a crop_pct of 0.9: `default_cfgs`, TRAINING.md and validate.py agree. */
const cropOf = (size: number) => ({ size, cropPct: 0.9 });

const imageNet = (name: string, arch: Arch, size: number, figures: Figures, file: string, ema?: boolean): ZooEntry =>
  classifier(name, moganet(arch), cropOf(size), {
    publisher,
    weights: { url: `${releases}/moganet-in1k-weights/${file}.pth.tar`, ema },
    published: published('classification', figures, readme, square(size)),
  });

const facts =
  (task: 'detection' | 'segmentation', folder: string) =>
  (figures: Figures, file?: string): Facts => ({
    publisher,
    weights: file ? { url: `${releases}/${folder}/${file}.pth` } : undefined,
    published: published(task, figures, readme, countedAt[task]),
  });
const coco = facts('detection', 'moganet-det-weights');
const ade20k = facts('segmentation', 'moganet-seg-weights');

/** The publisher of the pose models of MogaNet also publishes those on ConvNeXt. */
const keypoints = (arch: Arch, size: PoseSize, figures: Figures): ZooEntry =>
  mogaNetPose(`moganet_${arch}`, moganet(arch), size, figures);

const averaged = true;

// biome-ignore format: one row per model
export const mogaNetModels: readonly ZooEntry[] = [
  // ImageNet-1k                       size [parameters (M), FLOPs (G), top-1, top-5]
  imageNet('moganet_xt',     'xt', 224, [ 2.97,  0.8, 76.5, 93.4], 'moganet_xtiny_sz224_8xbs128_ep300'),
  imageNet('moganet_xt_256', 'xt', 256, [ 2.97, 1.04, 77.2, 93.8], 'moganet_xtiny_sz256_8xbs128_ep300'),
  imageNet('moganet_t',      't',  224, [  5.2,  1.1, 79.0, 94.6], 'moganet_tiny_sz224_8xbs128_ep300'),
  imageNet('moganet_t_256',  't',  256, [  5.2, 1.44, 79.6, 94.9], 'moganet_tiny_sz256_8xbs128_ep300'),
  imageNet('moganet_s',      's',  224, [ 25.3, 4.97, 83.4, 96.9], 'moganet_small_sz224_8xbs128_ep300', averaged),
  imageNet('moganet_b',      'b',  224, [ 43.9, 9.93, 84.3, 97.0], 'moganet_base_sz224_8xbs128_ep300', averaged),
  imageNet('moganet_l',      'l',  224, [ 82.5, 15.9, 84.7, 97.1], 'moganet_large_sz224_8xbs64_ep300', averaged),
  imageNet('moganet_xl',     'xl', 224, [180.8, 34.5, 85.1, 97.4], 'moganet_xlarge_sz224_8xbs64_ep300', averaged),
  // OpenMixup's weights (DeiT-III recipe): trained with `attn_force_fp32`, which applies the gate's activation twice. Evaluated there by
  // a resize to 284 and a crop of 256 (moga_light_deit3_sz256_8xbs128.py at c042813e; later revisions crop 224).
  classifier('moganet_t_256_openmixup', moganet('t', { doubleActivation: true }), cropOf(256), {
    variantOf: 'moganet_t',
    publisher: openMixup,
    weights: { url: 'https://github.com/Westlake-AI/openmixup/releases/download/moganet-in1k-weights/moga_tiny_deit3_sz256_lr2e_3_8xb128_fp16_ep300.pth' },
    published: published('classification', [5.2, 1.44, 80.0, 95.0], readme, square(256)),
  }),

  // COCO                                                              [parameters (M), FLOPs (G), box AP, mask AP]
  retinaNet('retinanet_moganet_xt_fpn_1x_coco', moganet('xt'), '1x', coco([12.1, 167.2, 39.7], 'retinanet_moganet_xtiny_fpn_1x_coco')),
  retinaNet('retinanet_moganet_t_fpn_1x_coco',  moganet('t'),  '1x', coco([14.4, 173.4, 41.4], 'retinanet_moganet_tiny_fpn_1x_coco')),
  retinaNet('retinanet_moganet_s_fpn_1x_coco',  moganet('s'),  '1x', coco([35.1, 253.0, 45.8], 'retinanet_moganet_small_fpn_1x_coco')),
  retinaNet('retinanet_moganet_b_fpn_1x_coco',  moganet('b'),  '1x', coco([53.5, 354.5, 47.7], 'retinanet_moganet_base_fpn_1x_coco')),
  retinaNet('retinanet_moganet_l_fpn_1x_coco',  moganet('l'),  '1x', coco([92.4, 476.8, 48.7], 'retinanet_moganet_large_fpn_1x_coco')),
  maskRcnn('mask_rcnn_moganet_xt_fpn_1x_coco',   moganet('xt'), '1x', coco([ 22.8, 185.4, 40.7, 37.6], 'mask_rcnn_moganet_xtiny_fpn_1x_coco')),
  maskRcnn('mask_rcnn_moganet_t_fpn_1x_coco',    moganet('t'),  '1x', coco([ 25.0, 191.7, 42.6, 39.1], 'mask_rcnn_moganet_tiny_fpn_1x_coco')),
  maskRcnn('mask_rcnn_moganet_s_fpn_1x_coco',    moganet('s'),  '1x', coco([ 45.0, 271.6, 46.6, 42.2], 'mask_rcnn_moganet_small_fpn_1x_coco')),
  maskRcnn('mask_rcnn_moganet_b_fpn_1x_coco',    moganet('b'),  '1x', coco([ 63.4, 373.1, 49.0, 43.8], 'mask_rcnn_moganet_base_fpn_1x_coco')),
  maskRcnn('mask_rcnn_moganet_l_fpn_1x_coco',    moganet('l'),  '1x', coco([102.1, 495.3, 49.4, 44.2], 'mask_rcnn_moganet_large_fpn_1x_coco')),
  maskRcnn('mask_rcnn_moganet_t_fpn_ms_3x_coco', moganet('t'),  '3x', coco([ 25.0, 191.7, 45.3, 40.7], 'mask_rcnn_moganet_t_fpn_mstrain_480-800_3x_coco')),
  maskRcnn('mask_rcnn_moganet_s_fpn_ms_3x_coco', moganet('s'),  '3x', coco([ 45.0, 271.6, 48.5, 43.1], 'mask_rcnn_moganet_s_fpn_mstrain_480-800_3x_coco')),
  maskRcnn('mask_rcnn_moganet_b_fpn_ms_3x_coco', moganet('b'),  '3x', coco([ 63.4, 373.1, 50.3, 44.4], 'mask_rcnn_moganet_b_fpn_mstrain_480-800_3x_coco')),
  // the README repeats the parameters and FLOPs of B (63.4, 373.1) for this model; these are of its row for L 1x, which is the same network
  maskRcnn('mask_rcnn_moganet_l_fpn_ms_3x_coco', moganet('l'),  '3x', coco([102.1, 495.3, 50.6, 44.6], 'mask_rcnn_moganet_l_fpn_mstrain_480-800_3x_coco')),
  cascadeMaskRcnn('cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco', moganet('s'), '3x', coco([77.9, 405.4, 51.4, 44.9], 'cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco')),
  cascadeMaskRcnnGiou('cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco', moganet('s'), '3x', coco([ 82.8, 750.2, 51.7, 45.1], 'cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco')),
  cascadeMaskRcnnGiou('cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco', moganet('b'), '3x', coco([101.2, 851.6, 52.6, 46.0], 'cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco')),
  // configuration and scores are official; the weights were not published
  cascadeMaskRcnnGiou('cascade_mask_rcnn_moganet_l_fpn_giou_4conv1f_ms_3x_coco', moganet('l'), '3x', coco([139.9, 973.8, 53.3, 46.1])),

  // ADE20K                                                     [parameters (M), FLOPs (G), mIoU]
  semanticFpn('fpn_moganet_xt_80k_ade20k', moganet('xt'), ade20k([ 6.9, 101.4, 40.3], 'fpn_moganet_xtiny_80k_ade20k')),
  semanticFpn('fpn_moganet_t_80k_ade20k',  moganet('t'),  ade20k([ 9.1, 107.8, 43.1], 'fpn_moganet_tiny_80k_ade20k')),
  semanticFpn('fpn_moganet_s_80k_ade20k',  moganet('s'),  ade20k([29.1, 189.7, 47.7], 'fpn_moganet_small_80k_ade20k')),
  semanticFpn('fpn_moganet_b_80k_ade20k',  moganet('b'),  ade20k([47.5, 293.6, 49.3], 'fpn_moganet_base_80k_ade20k')),
  semanticFpn('fpn_moganet_l_80k_ade20k',  moganet('l'),  ade20k([86.2, 418.7, 50.2], 'fpn_moganet_large_80k_ade20k')),
  uperNet('upernet_moganet_xt_512x512_160k_ade20k', moganet('xt'), ade20k([ 30.4,  855.7, 42.2], 'upernet_moganet_xtiny_512x512_160k_ade20k')),
  uperNet('upernet_moganet_t_512x512_160k_ade20k',  moganet('t'),  ade20k([ 33.1,  862.4, 43.7], 'upernet_moganet_tiny_512x512_160k_ade20k')),
  uperNet('upernet_moganet_s_512x512_160k_ade20k',  moganet('s'),  ade20k([ 55.3,  946.4, 49.2], 'upernet_moganet_small_512x512_160k_ade20k')),
  uperNet('upernet_moganet_b_512x512_160k_ade20k',  moganet('b'),  ade20k([ 73.7, 1050.4, 50.1], 'upernet_moganet_base_512x512_160k_ade20k')),
  uperNet('upernet_moganet_l_512x512_160k_ade20k',  moganet('l'),  ade20k([113.2, 1176.1, 50.9], 'upernet_moganet_large_512x512_160k_ade20k')),
  // the configuration is official; neither weights nor figures were published
  uperNet('upernet_moganet_xl_512x512_160k_ade20k', moganet('xl'), {}),

  // COCO keypoints, boxes of a detector     [parameters (M), FLOPs (G), AP, AP50, AP75, AR, AR(M), AR(L)]
  keypoints('xt', [256, 192], [ 5.6,  1.8, 72.1, 89.7, 80.1, 77.7, 73.6, 83.6]),
  keypoints('xt', [384, 288], [ 5.6,  4.2, 74.7, 90.1, 81.3, 79.9, 75.9, 85.9]),
  keypoints('t',  [256, 192], [ 8.1,  2.2, 73.2, 90.1, 81.0, 78.8, 74.9, 84.4]),
  keypoints('t',  [384, 288], [ 8.1,  4.9, 75.7, 90.6, 82.6, 80.9, 76.8, 86.7]),
  keypoints('s',  [256, 192], [29.0,  6.0, 74.9, 90.7, 82.8, 80.1, 75.7, 86.3]),
  keypoints('s',  [384, 288], [29.0, 13.5, 76.4, 91.0, 83.3, 81.4, 77.1, 87.7]),
  keypoints('b',  [256, 192], [47.4, 10.9, 75.3, 90.9, 83.3, 80.7, 76.4, 87.1]),
  keypoints('b',  [384, 288], [47.4, 24.4, 77.3, 91.4, 84.0, 82.2, 77.9, 88.5]),
  // the same network, fine-tuned on athletes. Its weights are handed out after their licence is accepted, so they have no URL.
  pose('moganet_b_ap2d_384x288', moganet('b'), [384, 288], {
    publisher: { name: 'github.com/calvinyeungck/AthletePose3D', licence: 'for non-commercial and scientific research' },
    trainedOn: [athletePose3d, datasets.coco_keypoints, datasets.imagenet],
  }),
];
