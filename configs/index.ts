import cascadeMaskRcnnMoganetBFpnGiou4conv1fMs3xCoco from './cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco.ts';
import cascadeMaskRcnnMoganetLFpnGiou4conv1fMs3xCoco from './cascade_mask_rcnn_moganet_l_fpn_giou_4conv1f_ms_3x_coco.ts';
import cascadeMaskRcnnMoganetSFpnGiou4conv1fMs3xCoco from './cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco.ts';
import cascadeMaskRcnnMoganetSFpnMs3xCoco from './cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco.ts';
import type { ZooEntry } from './common/entry.ts';
import facade from './facade.ts';
import fpnMoganetB80kAde20k from './fpn_moganet_b_80k_ade20k.ts';
import fpnMoganetL80kAde20k from './fpn_moganet_l_80k_ade20k.ts';
import fpnMoganetS80kAde20k from './fpn_moganet_s_80k_ade20k.ts';
import fpnMoganetT80kAde20k from './fpn_moganet_t_80k_ade20k.ts';
import fpnMoganetXt80kAde20k from './fpn_moganet_xt_80k_ade20k.ts';
import maskRcnnLiteMoganetXtFpnFacade from './mask_rcnn_lite_moganet_xt_fpn_facade.ts';
import maskRcnnMoganetBFpn1xCoco from './mask_rcnn_moganet_b_fpn_1x_coco.ts';
import maskRcnnMoganetBFpnMs3xCoco from './mask_rcnn_moganet_b_fpn_ms_3x_coco.ts';
import maskRcnnMoganetLFpn1xCoco from './mask_rcnn_moganet_l_fpn_1x_coco.ts';
import maskRcnnMoganetLFpnMs3xCoco from './mask_rcnn_moganet_l_fpn_ms_3x_coco.ts';
import maskRcnnMoganetSFpn1xCoco from './mask_rcnn_moganet_s_fpn_1x_coco.ts';
import maskRcnnMoganetSFpnMs3xCoco from './mask_rcnn_moganet_s_fpn_ms_3x_coco.ts';
import maskRcnnMoganetTFpn1xCoco from './mask_rcnn_moganet_t_fpn_1x_coco.ts';
import maskRcnnMoganetTFpnMs3xCoco from './mask_rcnn_moganet_t_fpn_ms_3x_coco.ts';
import maskRcnnMoganetXtFpn1xCoco from './mask_rcnn_moganet_xt_fpn_1x_coco.ts';
import moganetB from './moganet_b.ts';
import moganetL from './moganet_l.ts';
import moganetS from './moganet_s.ts';
import moganetT from './moganet_t.ts';
import moganetT256 from './moganet_t_256.ts';
import moganetT256Openmixup from './moganet_t_256_openmixup.ts';
import moganetXl from './moganet_xl.ts';
import moganetXt from './moganet_xt.ts';
import moganetXt256 from './moganet_xt_256.ts';
import retinanetMoganetBFpn1xCoco from './retinanet_moganet_b_fpn_1x_coco.ts';
import retinanetMoganetLFpn1xCoco from './retinanet_moganet_l_fpn_1x_coco.ts';
import retinanetMoganetSFpn1xCoco from './retinanet_moganet_s_fpn_1x_coco.ts';
import retinanetMoganetTFpn1xCoco from './retinanet_moganet_t_fpn_1x_coco.ts';
import retinanetMoganetXtFpn1xCoco from './retinanet_moganet_xt_fpn_1x_coco.ts';
import upernetLiteMoganetXtFacade from './upernet_lite_moganet_xt_facade.ts';
import upernetMoganetB512x512160kAde20k from './upernet_moganet_b_512x512_160k_ade20k.ts';
import upernetMoganetL512x512160kAde20k from './upernet_moganet_l_512x512_160k_ade20k.ts';
import upernetMoganetS512x512160kAde20k from './upernet_moganet_s_512x512_160k_ade20k.ts';
import upernetMoganetT512x512160kAde20k from './upernet_moganet_t_512x512_160k_ade20k.ts';
import upernetMoganetXl512x512160kAde20k from './upernet_moganet_xl_512x512_160k_ade20k.ts';
import upernetMoganetXt512x512160kAde20k from './upernet_moganet_xt_512x512_160k_ade20k.ts';

/** Every published or shipped model, the demo first. Where weights fit several, an earlier entry is the default. */
export const entries: readonly ZooEntry[] = [
  facade,
  maskRcnnLiteMoganetXtFpnFacade,
  upernetLiteMoganetXtFacade,
  moganetXt,
  moganetXt256,
  moganetT,
  moganetT256,
  moganetS,
  moganetB,
  moganetL,
  moganetXl,
  moganetT256Openmixup,
  retinanetMoganetXtFpn1xCoco,
  retinanetMoganetTFpn1xCoco,
  retinanetMoganetSFpn1xCoco,
  retinanetMoganetBFpn1xCoco,
  retinanetMoganetLFpn1xCoco,
  maskRcnnMoganetXtFpn1xCoco,
  maskRcnnMoganetTFpn1xCoco,
  maskRcnnMoganetSFpn1xCoco,
  maskRcnnMoganetBFpn1xCoco,
  maskRcnnMoganetLFpn1xCoco,
  maskRcnnMoganetTFpnMs3xCoco,
  maskRcnnMoganetSFpnMs3xCoco,
  maskRcnnMoganetBFpnMs3xCoco,
  maskRcnnMoganetLFpnMs3xCoco,
  cascadeMaskRcnnMoganetSFpnMs3xCoco,
  cascadeMaskRcnnMoganetSFpnGiou4conv1fMs3xCoco,
  cascadeMaskRcnnMoganetBFpnGiou4conv1fMs3xCoco,
  cascadeMaskRcnnMoganetLFpnGiou4conv1fMs3xCoco,
  fpnMoganetXt80kAde20k,
  fpnMoganetT80kAde20k,
  fpnMoganetS80kAde20k,
  fpnMoganetB80kAde20k,
  fpnMoganetL80kAde20k,
  upernetMoganetXt512x512160kAde20k,
  upernetMoganetT512x512160kAde20k,
  upernetMoganetS512x512160kAde20k,
  upernetMoganetB512x512160kAde20k,
  upernetMoganetL512x512160kAde20k,
  upernetMoganetXl512x512160kAde20k,
];

export type { ZooEntry } from './common/entry.ts';
export { imageNetNames } from './common/imagenet.data.ts';
export { ade20kNames, cocoNames } from './common/labels.data.ts';
