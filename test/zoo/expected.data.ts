/**
 * Counted by the published code (fvcore on the classifiers, mmcv's counter on detection models at 1280×800, segmentation models at
 * 2048×512 and pose models): integers to be met exactly.
 */

export const classifiers = [
  { name: 'moganet_xt', size: 224, params: 2956066, fvcore: 786530672, macs: 782121456, biases: 13803026 },
  { name: 'moganet_xt_256', size: 256, params: 2956066, fvcore: 1027246592, macs: 1021487616, biases: 18028136 },
  { name: 'moganet_t', size: 224, params: 5197332, fvcore: 1088325696, macs: 1083283008, biases: 15585450 },
  { name: 'moganet_t_256', size: 256, params: 5197332, fvcore: 1421408256, macs: 1414821888, biases: 20356200 },
  { name: 'moganet_s', size: 224, params: 25335675, fvcore: 4941204736, macs: 4931320064, biases: 28813098 },
  { name: 'moganet_b', size: 224, params: 43720475, fvcore: 9878435328, macs: 9860923904, biases: 58063795 },
  { name: 'moganet_l', size: 224, params: 82480978, fvcore: 15844737472, macs: 15820050880, biases: 79345916 },
  { name: 'moganet_xl', size: 224, params: 180991924, fvcore: 34433623776, macs: 34394862816, biases: 127582300 },
  { name: 'resnet50', size: 224, params: 25557032, fvcore: 4111512576, macs: 4089184256, biases: 1000 },
] as const;

/** `keys` is the FNV-1a hash of the lines "key shape" (`neck.fpn_convs.0.conv.bias 256`), sorted and joined by newlines. */
export const denseModels = [
  { name: 'retinanet_moganet_xt_fpn_1x_coco', height: 1280, width: 800, entries: 739, keys: 0x9b759076, params: 12120110, flops: 167183172280 },
  { name: 'retinanet_moganet_t_fpn_1x_coco', height: 1280, width: 800, entries: 811, keys: 0x1507527a, params: 14469408, flops: 173462382840 },
  { name: 'retinanet_moganet_s_fpn_1x_coco', height: 1280, width: 800, entries: 775, keys: 0xf74ca2f8, params: 35072647, flops: 253020089080 },
  { name: 'retinanet_moganet_b_fpn_1x_coco', height: 1280, width: 800, entries: 1351, keys: 0x0f402f53, params: 53465639, flops: 354477202080 },
  { name: 'retinanet_moganet_l_fpn_1x_coco', height: 1280, width: 800, entries: 2179, keys: 0x5771b758, params: 92425822, flops: 476750448200 },
  { name: 'mask_rcnn_moganet_xt_fpn_1x_coco', height: 1280, width: 800, entries: 745, keys: 0x783d47f2, params: 22766634, flops: 185446021700 },
  { name: 'mask_rcnn_moganet_t_fpn_1x_coco', height: 1280, width: 800, entries: 817, keys: 0x35cea083, params: 24968476, flops: 191686893700 },
  { name: 'mask_rcnn_moganet_s_fpn_1x_coco', height: 1280, width: 800, entries: 781, keys: 0xfdf2297f, params: 44990083, flops: 271615533700 },
  { name: 'mask_rcnn_moganet_b_fpn_1x_coco', height: 1280, width: 800, entries: 1357, keys: 0x83ba4e56, params: 63383075, flops: 373072646700 },
  { name: 'mask_rcnn_moganet_l_fpn_1x_coco', height: 1280, width: 800, entries: 2185, keys: 0x51b7a3b5, params: 102048346, flops: 495269215700 },
  { name: 'mask_rcnn_moganet_t_fpn_ms_3x_coco', height: 1280, width: 800, entries: 817, keys: 0x35cea083, params: 24968476, flops: 191686893700 },
  { name: 'mask_rcnn_moganet_s_fpn_ms_3x_coco', height: 1280, width: 800, entries: 781, keys: 0xfdf2297f, params: 44990083, flops: 271615533700 },
  { name: 'mask_rcnn_moganet_b_fpn_ms_3x_coco', height: 1280, width: 800, entries: 1357, keys: 0x83ba4e56, params: 63383075, flops: 373072646700 },
  { name: 'mask_rcnn_moganet_l_fpn_ms_3x_coco', height: 1280, width: 800, entries: 2185, keys: 0x51b7a3b5, params: 102048346, flops: 495269215700 },
  { name: 'cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco', height: 1280, width: 800, entries: 821, keys: 0x95a2abe9, params: 77918353, flops: 405402208900 },
  { name: 'cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco', height: 1280, width: 800, entries: 887, keys: 0x416c5cb9, params: 82825285, flops: 750191200900 },
  { name: 'cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco', height: 1280, width: 800, entries: 1463, keys: 0x9e9048f4, params: 101218277, flops: 851648313900 },
  { name: 'cascade_mask_rcnn_moganet_l_fpn_giou_4conv1f_ms_3x_coco', height: 1280, width: 800, entries: 2291, keys: 0x4339767b, params: 139883548, flops: 973844882900 },
  { name: 'fpn_moganet_xt_80k_ade20k', height: 2048, width: 512, entries: 763, keys: 0x39dce7f6, params: 6865872, flops: 101435631616 },
  { name: 'fpn_moganet_t_80k_ade20k', height: 2048, width: 512, entries: 835, keys: 0xc1d75601, params: 9067714, flops: 107826284544 },
  { name: 'fpn_moganet_s_80k_ade20k', height: 2048, width: 512, entries: 799, keys: 0x012aa999, params: 29089321, flops: 189673211904 },
  { name: 'fpn_moganet_b_80k_ade20k', height: 2048, width: 512, entries: 1375, keys: 0xfbe15622, params: 47482313, flops: 293565295616 },
  { name: 'fpn_moganet_l_80k_ade20k', height: 2048, width: 512, entries: 2203, keys: 0x226f04b3, params: 86147584, flops: 418694582272 },
  { name: 'upernet_moganet_xt_512x512_160k_ade20k', height: 2048, width: 512, entries: 785, keys: 0x913acb39, params: 30441062, flops: 855672507392 },
  { name: 'upernet_moganet_t_512x512_160k_ade20k', height: 2048, width: 512, entries: 857, keys: 0xbf76a936, params: 33134424, flops: 862383827968 },
  { name: 'upernet_moganet_s_512x512_160k_ade20k', height: 2048, width: 512, entries: 821, keys: 0x0215dcad, params: 55310527, flops: 946385841152 },
  { name: 'upernet_moganet_b_512x512_160k_ade20k', height: 2048, width: 512, entries: 1397, keys: 0x09cfba1e, params: 73711711, flops: 1050412142592 },
  { name: 'upernet_moganet_l_512x512_160k_ade20k', height: 2048, width: 512, entries: 2225, keys: 0x76b45afe, params: 113196182, flops: 1176115655680 },
  { name: 'upernet_moganet_xl_512x512_160k_ade20k', height: 2048, width: 512, entries: 2297, keys: 0x9789408d, params: 214000376, flops: 1568729707520 },
] as const;

/** Detection and segmentation models on other backbones: their published key lists, in our layout of the backbone. */
export const swapModels = [
  { name: 'mask_rcnn_r50_fpn_1x_coco', entries: 360, keys: 0x0b718cce, params: 44396336 },
  { name: 'mask_rcnn_r101_fpn_1x_coco', entries: 666, keys: 0x215376af, params: 63388464 },
  { name: 'retinanet_r50_fpn_1x_coco', entries: 354, keys: 0xd9de2fc8, params: 37968692 },
  { name: 'mask_rcnn_convnext_t_p4_w7_fpn_amp_ms_crop_3x_coco', entries: 228, keys: 0x816a4c3a, params: 48095376 },
  { name: 'cascade_mask_rcnn_convnext_s_p4_w7_fpn_4conv1fc_giou_amp_ms_crop_3x_coco', entries: 496, keys: 0x07289091, params: 107565138 },
  { name: 'upernet_r50_4xb4_160k_ade20k_512x512', entries: 412, keys: 0x192af9bd, params: 66516108 },
  { name: 'convnext_tiny_upernet_8xb2_amp_160k_ade20k_512x512', entries: 268, keys: 0xeaa53521, params: 60242636 },
  { name: 'convnext_small_upernet_8xb2_amp_160k_ade20k_512x512', entries: 430, keys: 0x42711214, params: 81877196 },
] as const;

/** Detection and segmentation models on other backbones: as above, from the publishers' state dicts in our layout of the backbone. */
export const otherDenseModels = [
  { name: 'cascade_mask_rcnn_convnext_s_p4_w7_fpn_4conv1fc_giou_amp_ms_crop_3x_coco', entries: 496, keys: 0x07289091, params: 107565138 },
  { name: 'mask_rcnn_convnext_t_p4_w7_fpn_amp_ms_crop_3x_coco', entries: 228, keys: 0x816a4c3a, params: 48095376 },
  { name: 'mask_rcnn_r101_fpn_1x_coco', entries: 666, keys: 0x215376af, params: 63388464 },
  { name: 'mask_rcnn_r50_fpn_1x_coco', entries: 360, keys: 0x0b718cce, params: 44396336 },
  { name: 'mask_rcnn_swin_s_p4_w7_fpn_amp_ms_crop_3x_coco', entries: 399, keys: 0x9b9d2f8f, params: 69112506 },
  { name: 'mask_rcnn_swin_t_p4_w7_fpn_1x_coco', entries: 231, keys: 0xf84447a3, params: 47794602 },
  { name: 'retinanet_r50_fpn_1x_coco', entries: 354, keys: 0xd9de2fc8, params: 37968692 },
  { name: 'retinanet_swin_t_p4_w7_fpn_1x_coco', entries: 223, keys: 0x5f35bad5, params: 38458606 },
  { name: 'convnext_small_upernet_8xb2_amp_160k_ade20k_512x512', entries: 430, keys: 0x42711214, params: 81877196 },
  { name: 'convnext_tiny_upernet_8xb2_amp_160k_ade20k_512x512', entries: 268, keys: 0xeaa53521, params: 60242636 },
  { name: 'upernet_r50_4xb4_160k_ade20k_512x512', entries: 412, keys: 0x192af9bd, params: 66516108 },
  { name: 'swin_tiny_patch4_window7_in1k_pre_upernet_8xb2_160k_ade20k_512x512', entries: 271, keys: 0x485769a6, params: 59941862 },
] as const;

/** Pose models, counted as mmpose 0.29 does, with the names of their backbones in our layout. */
export const poseModels = [
  { name: 'moganet_xt_coco_256x192', height: 256, width: 192, entries: 723, keys: 0x4ea74dda, params: 5652555, flops: 1844066016 },
  { name: 'moganet_xt_coco_384x288', height: 384, width: 288, entries: 723, keys: 0x4ea74dda, params: 5652555, flops: 4149148536 },
  { name: 'moganet_t_coco_256x192', height: 256, width: 192, entries: 795, keys: 0xe42c77bf, params: 8091965, flops: 2153851488 },
  { name: 'moganet_t_coco_384x288', height: 384, width: 288, entries: 795, keys: 0xe42c77bf, params: 8091965, flops: 4846165848 },
  { name: 'moganet_s_coco_256x192', height: 256, width: 192, entries: 759, keys: 0x999cf15f, params: 29022884, flops: 5990426208 },
  { name: 'moganet_s_coco_384x288', height: 384, width: 288, entries: 759, keys: 0x999cf15f, params: 29022884, flops: 13478458968 },
  { name: 'moganet_b_coco_256x192', height: 256, width: 192, entries: 1335, keys: 0x01079baa, params: 47407684, flops: 10854076176 },
  { name: 'moganet_b_coco_384x288', height: 384, width: 288, entries: 1335, keys: 0x01079baa, params: 47407684, flops: 24421671396 },
  { name: 'convnext_t_coco_256x192', height: 256, width: 192, entries: 206, keys: 0x3346a6ea, params: 33070257, flops: 5540649984 },
  { name: 'convnext_t_coco_384x288', height: 384, width: 288, entries: 206, keys: 0x3346a6ea, params: 33070257, flops: 12466462464 },
  { name: 'convnext_s_coco_256x192', height: 256, width: 192, entries: 368, keys: 0xb6bc8faf, params: 54704817, flops: 9683868672 },
  { name: 'convnext_s_coco_384x288', height: 384, width: 288, entries: 368, keys: 0xb6bc8faf, params: 54704817, flops: 21788704512 },
  { name: 'convnext_b_coco_256x192', height: 256, width: 192, entries: 368, keys: 0xda2a0990, params: 93865617, flops: 16270150656 },
  { name: 'convnext_b_coco_384x288', height: 384, width: 288, entries: 368, keys: 0xda2a0990, params: 93865617, flops: 36607838976 },
  { name: 'swin_t_p4_w7_coco_256x192', height: 256, width: 192, entries: 209, keys: 0x31bb9a1b, params: 32769483, flops: 6129478656 },
  { name: 'swin_b_p4_w7_coco_256x192', height: 256, width: 192, entries: 377, keys: 0x9cbb55bd, params: 93042377, flops: 18559765504 },
  { name: 'swin_b_p4_w7_coco_384x288', height: 384, width: 288, entries: 377, keys: 0xe185f3f9, params: 93177737, flops: 39148321536 },
] as const;
