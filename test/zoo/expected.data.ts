/**
 * Counted by the published code (fvcore on the classifiers, mmcv's counter on detectors at 1280×800 and segmentors at
 * 2048×512): integers to be met exactly.
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
] as const;

export const denseModels = [
  { name: 'mask_rcnn_moganet_xt_fpn_1x_coco', height: 1280, width: 800, entries: 745, params: 22766634, flops: 185446021700 },
  { name: 'mask_rcnn_moganet_t_fpn_1x_coco', height: 1280, width: 800, entries: 817, params: 24968476, flops: 191686893700 },
  { name: 'mask_rcnn_moganet_s_fpn_1x_coco', height: 1280, width: 800, entries: 781, params: 44990083, flops: 271615533700 },
  { name: 'mask_rcnn_moganet_b_fpn_1x_coco', height: 1280, width: 800, entries: 1357, params: 63383075, flops: 373072646700 },
  { name: 'mask_rcnn_moganet_l_fpn_1x_coco', height: 1280, width: 800, entries: 2185, params: 102048346, flops: 495269215700 },
  { name: 'upernet_moganet_xt_512x512_160k_ade20k', height: 2048, width: 512, entries: 785, params: 30441062, flops: 855672507392 },
  { name: 'upernet_moganet_t_512x512_160k_ade20k', height: 2048, width: 512, entries: 857, params: 33134424, flops: 862383827968 },
  { name: 'upernet_moganet_s_512x512_160k_ade20k', height: 2048, width: 512, entries: 821, params: 55310527, flops: 946385841152 },
  { name: 'upernet_moganet_b_512x512_160k_ade20k', height: 2048, width: 512, entries: 1397, params: 73711711, flops: 1050412142592 },
  { name: 'upernet_moganet_l_512x512_160k_ade20k', height: 2048, width: 512, entries: 2225, params: 113196182, flops: 1176115655680 },
  { name: 'upernet_moganet_xl_512x512_160k_ade20k', height: 2048, width: 512, entries: 2297, params: 214000376, flops: 1568729707520 },
] as const;
