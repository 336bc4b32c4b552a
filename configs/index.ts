import cascadeMaskRcnnConvnextSP4W7Fpn4conv1fcGiouAmpMsCrop3xCoco from './cascade_mask_rcnn_convnext_s_p4_w7_fpn_4conv1fc_giou_amp_ms_crop_3x_coco.ts';
import cascadeMaskRcnnMoganetBFpnGiou4conv1fMs3xCoco from './cascade_mask_rcnn_moganet_b_fpn_giou_4conv1f_ms_3x_coco.ts';
import cascadeMaskRcnnMoganetLFpnGiou4conv1fMs3xCoco from './cascade_mask_rcnn_moganet_l_fpn_giou_4conv1f_ms_3x_coco.ts';
import cascadeMaskRcnnMoganetSFpnGiou4conv1fMs3xCoco from './cascade_mask_rcnn_moganet_s_fpn_giou_4conv1f_ms_3x_coco.ts';
import cascadeMaskRcnnMoganetSFpnMs3xCoco from './cascade_mask_rcnn_moganet_s_fpn_ms_3x_coco.ts';
import type { ZooEntry } from './common/entry.ts';
import convnextBase from './convnext_base.ts';
import convnextLarge from './convnext_large.ts';
import convnextSmall from './convnext_small.ts';
import convnextSmallUpernet8xb2Amp160kAde20k512x512 from './convnext_small_upernet_8xb2_amp_160k_ade20k_512x512.ts';
import convnextTiny from './convnext_tiny.ts';
import convnextTinyUpernet8xb2Amp160kAde20k512x512 from './convnext_tiny_upernet_8xb2_amp_160k_ade20k_512x512.ts';
import convnextXlarge from './convnext_xlarge.ts';
import facade from './facade.ts';
import fpnMoganetB80kAde20k from './fpn_moganet_b_80k_ade20k.ts';
import fpnMoganetL80kAde20k from './fpn_moganet_l_80k_ade20k.ts';
import fpnMoganetS80kAde20k from './fpn_moganet_s_80k_ade20k.ts';
import fpnMoganetT80kAde20k from './fpn_moganet_t_80k_ade20k.ts';
import fpnMoganetXt80kAde20k from './fpn_moganet_xt_80k_ade20k.ts';
import maskRcnnConvnextTP4W7FpnAmpMsCrop3xCoco from './mask_rcnn_convnext_t_p4_w7_fpn_amp_ms_crop_3x_coco.ts';
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
import maskRcnnR50Fpn1xCoco from './mask_rcnn_r50_fpn_1x_coco.ts';
import maskRcnnR101Fpn1xCoco from './mask_rcnn_r101_fpn_1x_coco.ts';
import maskRcnnSwinSP4W7FpnAmpMsCrop3xCoco from './mask_rcnn_swin_s_p4_w7_fpn_amp_ms_crop_3x_coco.ts';
import maskRcnnSwinTP4W7Fpn1xCoco from './mask_rcnn_swin_t_p4_w7_fpn_1x_coco.ts';
import moganetB from './moganet_b.ts';
import moganetL from './moganet_l.ts';
import moganetS from './moganet_s.ts';
import moganetT from './moganet_t.ts';
import moganetT256 from './moganet_t_256.ts';
import moganetT256Openmixup from './moganet_t_256_openmixup.ts';
import moganetXl from './moganet_xl.ts';
import moganetXt from './moganet_xt.ts';
import moganetXt256 from './moganet_xt_256.ts';
import parcnetS from './parcnet_s.ts';
import resnet18 from './resnet18.ts';
import resnet34 from './resnet34.ts';
import resnet50 from './resnet50.ts';
import resnet101 from './resnet101.ts';
import resnet152 from './resnet152.ts';
import retinanetMoganetBFpn1xCoco from './retinanet_moganet_b_fpn_1x_coco.ts';
import retinanetMoganetLFpn1xCoco from './retinanet_moganet_l_fpn_1x_coco.ts';
import retinanetMoganetSFpn1xCoco from './retinanet_moganet_s_fpn_1x_coco.ts';
import retinanetMoganetTFpn1xCoco from './retinanet_moganet_t_fpn_1x_coco.ts';
import retinanetMoganetXtFpn1xCoco from './retinanet_moganet_xt_fpn_1x_coco.ts';
import retinanetR50Fpn1xCoco from './retinanet_r50_fpn_1x_coco.ts';
import retinanetSwinTP4W7Fpn1xCoco from './retinanet_swin_t_p4_w7_fpn_1x_coco.ts';
import swinBase from './swin_base.ts';
import swinBase22kto1k from './swin_base_22kto1k.ts';
import swinBase384 from './swin_base_384.ts';
import swinBase38422kto1k from './swin_base_384_22kto1k.ts';
import swinLarge22kto1k from './swin_large_22kto1k.ts';
import swinLarge38422kto1k from './swin_large_384_22kto1k.ts';
import swinSmall from './swin_small.ts';
import swinSmall22kto1k from './swin_small_22kto1k.ts';
import swinTiny from './swin_tiny.ts';
import swinTiny22kto1k from './swin_tiny_22kto1k.ts';
import swinTinyPatch4Window7In1kPreUpernet8xb2160kAde20k512x512 from './swin_tiny_patch4_window7_in1k_pre_upernet_8xb2_160k_ade20k_512x512.ts';
import upernetLiteMoganetXtFacade from './upernet_lite_moganet_xt_facade.ts';
import upernetMoganetB512x512160kAde20k from './upernet_moganet_b_512x512_160k_ade20k.ts';
import upernetMoganetL512x512160kAde20k from './upernet_moganet_l_512x512_160k_ade20k.ts';
import upernetMoganetS512x512160kAde20k from './upernet_moganet_s_512x512_160k_ade20k.ts';
import upernetMoganetT512x512160kAde20k from './upernet_moganet_t_512x512_160k_ade20k.ts';
import upernetMoganetXl512x512160kAde20k from './upernet_moganet_xl_512x512_160k_ade20k.ts';
import upernetMoganetXt512x512160kAde20k from './upernet_moganet_xt_512x512_160k_ade20k.ts';
import upernetR504xb4160kAde20k512x512 from './upernet_r50_4xb4_160k_ade20k_512x512.ts';

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
  convnextTiny,
  convnextSmall,
  convnextBase,
  convnextLarge,
  convnextXlarge,
  resnet18,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  maskRcnnR50Fpn1xCoco,
  maskRcnnR101Fpn1xCoco,
  retinanetR50Fpn1xCoco,
  maskRcnnConvnextTP4W7FpnAmpMsCrop3xCoco,
  cascadeMaskRcnnConvnextSP4W7Fpn4conv1fcGiouAmpMsCrop3xCoco,
  upernetR504xb4160kAde20k512x512,
  convnextTinyUpernet8xb2Amp160kAde20k512x512,
  convnextSmallUpernet8xb2Amp160kAde20k512x512,
  swinTiny,
  swinSmall,
  swinBase,
  swinBase384,
  swinTiny22kto1k,
  swinSmall22kto1k,
  swinBase22kto1k,
  swinBase38422kto1k,
  swinLarge22kto1k,
  swinLarge38422kto1k,
  maskRcnnSwinTP4W7Fpn1xCoco,
  maskRcnnSwinSP4W7FpnAmpMsCrop3xCoco,
  retinanetSwinTP4W7Fpn1xCoco,
  swinTinyPatch4Window7In1kPreUpernet8xb2160kAde20k512x512,
  parcnetS,
];

export type { ZooEntry } from './common/entry.ts';
