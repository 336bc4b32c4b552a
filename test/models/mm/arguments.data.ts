/**
 * For every argument of the official signatures a value that differs from the default, sorted by its effect: `done` changes the
 * configuration, `refused` is refused by the argument's name, `unneeded` changes nothing in inference.
 */

interface Effects {
  readonly done?: Readonly<Record<string, unknown>>;
  readonly refused?: Readonly<Record<string, unknown>>;
  readonly unneeded?: Readonly<Record<string, unknown>>;
}

const ofTraining = { init_cfg: { type: 'Pretrained' }, train_cfg: { debug: true } };
const files = { file_client_args: { backend: 'petrel' } };
const resNet101 = { type: 'ResNet', depth: 101 };

const resNet: Effects = {
  done: {
    depth: 101,
    in_channels: 4,
    style: 'caffe',
    norm_cfg: { type: 'BN', eps: 1e-3 },
  },
  refused: {
    stem_channels: 128,
    base_channels: 32,
    num_stages: 3,
    strides: [1, 2, 2, 1],
    dilations: [1, 1, 1, 2],
    avg_down: true,
    conv_cfg: { type: 'ConvWS' },
    dcn: { type: 'DCNv2' },
    stage_with_dcn: [false, true, true, true],
    plugins: [{ cfg: { type: 'ContextBlock' } }],
    multi_grid: [1, 2, 4],
    out_indices: [0, 2, 3],
  },
  unneeded: {
    frozen_stages: 1,
    norm_eval: false,
    with_cp: true,
    zero_init_residual: false,
    contract_dilation: true,
    pretrained: 'torchvision://resnet50',
    init_cfg: ofTraining.init_cfg,
  },
};

const linear = { type: 'NormedLinear', tempearture: 20 };
const boxHead: Effects = {
  done: {
    num_shared_convs: 2,
    num_shared_fcs: 3,
    conv_out_channels: 128,
    fc_out_channels: 512,
    norm_cfg: { type: 'BN', eps: 1e-3 },
    bbox_coder: { type: 'DeltaXYWHBBoxCoder', target_stds: [0.05, 0.05, 0.1, 0.1] },
    reg_class_agnostic: true,
  },
  refused: {
    num_cls_convs: 1,
    num_cls_fcs: 1,
    num_reg_convs: 1,
    num_reg_fcs: 1,
    conv_cfg: { type: 'ConvWS' },
    with_avg_pool: true,
    with_cls: false,
    with_reg: false,
    roi_feat_size: 14,
    in_channels: 128,
    num_classes: 7, // the mask head has others
    predict_box_type: 'rbox',
    reg_predictor_cfg: linear,
    cls_predictor_cfg: linear,
    loss_cls: { type: 'SeesawLoss', num_classes: 80 },
  },
  unneeded: { reg_decoded_bbox: true, loss_bbox: { type: 'GIoULoss' }, init_cfg: ofTraining.init_cfg },
};

const segmentationHead: Effects = {
  done: {
    channels: 64,
    num_classes: 7,
    norm_cfg: { type: 'BN', eps: 1e-3 },
    align_corners: true,
  },
  refused: {
    in_channels: 7,
    out_channels: 1,
    threshold: 0.5,
    conv_cfg: { type: 'ConvWS' },
    act_cfg: { type: 'GELU' },
    input_transform: 'resize_concat',
  },
  unneeded: {
    dropout_ratio: 0.5,
    loss_decode: [{ type: 'DiceLoss' }],
    ignore_index: 0,
    sampler: { type: 'OHEMPixelSampler' },
    init_cfg: ofTraining.init_cfg,
  },
};

/** One kind of head on the values that all have. */
const segmentationHeadWith = (more: Effects): Effects => ({
  done: { ...segmentationHead.done, ...more.done },
  refused: { ...segmentationHead.refused, ...more.refused },
  unneeded: segmentationHead.unneeded ?? {},
});

const roiHead: Effects = {
  done: { mask_head: null },
  refused: {
    bbox_roi_extractor: { type: 'GenericRoIExtractor' },
    mask_roi_extractor: { type: 'GenericRoIExtractor' },
    bbox_head: { type: 'SABLHead' },
    shared_head: { type: 'ResLayer' },
  },
  unneeded: { ...ofTraining, test_cfg: { score_thr: 0.9 }, pretrained: 'a.pth' },
};

const model = { backbone: { type: 'ResNet', depth: 34 }, neck: { type: 'PAFPN' }, test_cfg: {} };
const denseHead = {
  done: {
    feat_channels: 128,
    anchor_generator: { type: 'AnchorGenerator', scales: [4], ratios: [1], strides: [4, 8, 16, 32, 64] },
    bbox_coder: { type: 'DeltaXYWHBBoxCoder', target_means: [0.1, 0, 0, 0] },
  },
  refused: { in_channels: 128, loss_cls: { type: 'CrossEntropyLoss', use_sigmoid: false } },
  unneeded: {
    ...ofTraining,
    reg_decoded_bbox: true,
    loss_bbox: { type: 'GIoULoss' },
    test_cfg: { nms_pre: 7 },
  },
};

const preprocessor: Effects = {
  done: { mean: [1, 2, 3], std: [4, 5, 6], bgr_to_rgb: false },
  refused: { rgb_to_bgr: true },
  unneeded: { non_blocking: true, batch_augments: [{ type: 'BatchFixedSizePad' }] },
};

const fpn: Effects = {
  done: {
    add_extra_convs: 'on_lateral',
    extra_convs_on_inputs: true,
    relu_before_extra_convs: true,
  },
  refused: {
    in_channels: [64, 128, 256, 512],
    out_channels: 128,
    num_outs: 3,
    end_level: 2,
    no_norm_on_lateral: true,
    conv_cfg: { type: 'ConvWS' },
    norm_cfg: { type: 'BN' },
    act_cfg: { type: 'ReLU' },
    upsample_cfg: { mode: 'bilinear' },
  },
  unneeded: { init_cfg: ofTraining.init_cfg },
};

export const effects: Readonly<Record<string, Effects>> = {
  MaskRCNN: {
    done: { backbone: { ...resNet101, style: 'caffe' }, data_preprocessor: { type: 'DetDataPreprocessor' } },
    refused: { neck: model.neck, rpn_head: { type: 'GARPNHead' }, roi_head: { type: 'HTCRoIHead' }, test_cfg: {} },
    unneeded: { ...ofTraining, pretrained: 'a.pth' },
  },
  CascadeRCNN: {
    done: { backbone: resNet101, data_preprocessor: { type: 'DetDataPreprocessor' } },
    refused: { neck: model.neck, rpn_head: { type: 'GARPNHead' }, roi_head: { type: 'HTCRoIHead' }, test_cfg: {} },
    unneeded: { ...ofTraining, pretrained: 'a.pth' },
  },
  RetinaNet: {
    done: { backbone: resNet101, data_preprocessor: { type: 'DetDataPreprocessor' } },
    refused: { neck: model.neck, bbox_head: { type: 'FCOSHead' }, test_cfg: {} },
    unneeded: { ...ofTraining, pretrained: 'a.pth' },
  },
  EncoderDecoder: {
    done: {
      backbone: resNet101,
      auxiliary_head: null,
      test_cfg: { mode: 'slide', crop_size: [64, 64], stride: [32, 32] },
      data_preprocessor: { type: 'SegDataPreProcessor' },
    },
    refused: { neck: null, decode_head: { type: 'PSPHead' } }, // the heads read the neck's channels
    unneeded: { ...ofTraining, pretrained: 'a.pth' },
  },
  ResNet: { ...resNet, done: { ...resNet.done, deep_stem: true } },
  ResNetV1c: { ...resNet, unneeded: { ...resNet.unneeded, deep_stem: true } },
  SwinTransformer: {
    done: {
      in_channels: 4,
      embed_dims: 192,
      window_size: 12,
      mlp_ratio: 2,
      depths: [2, 2, 18, 2],
      num_heads: [4, 8, 16, 32],
      qkv_bias: false,
      patch_norm: false,
    },
    refused: {
      patch_size: 2,
      strides: [4, 2, 2, 1],
      out_indices: [0, 2],
      qk_scale: 0.5,
      use_abs_pos_embed: true,
      act_cfg: { type: 'ReLU' },
      norm_cfg: { type: 'LN', eps: 1e-6 },
    },
    unneeded: {
      pretrain_img_size: 384,
      drop_rate: 0.1,
      attn_drop_rate: 0.1,
      drop_path_rate: 0.3,
      with_cp: true,
      pretrained: 'a.pth',
      convert_weights: true,
      frozen_stages: 1,
      init_cfg: ofTraining.init_cfg,
    },
  },
  ConvNeXt: {
    done: { arch: 'small', in_channels: 4 },
    refused: {
      stem_patch_size: 2,
      norm_cfg: { type: 'LN2d', eps: 1e-5 },
      act_cfg: { type: 'ReLU' },
      use_grn: true,
      out_indices: [0, 2],
      gap_before_final_norm: true,
    },
    unneeded: {
      linear_pw_conv: false, // pointwise weights are read in either shape
      drop_path_rate: 0.3,
      layer_scale_init_value: 1,
      frozen_stages: 1,
      with_cp: true,
      init_cfg: ofTraining.init_cfg,
    },
  },
  FPN: { ...fpn, refused: { ...fpn.refused, start_level: 1 } }, // the anchors have other strides
  'FPN of mmseg': { ...fpn, done: { ...fpn.done, start_level: 1 } },
  RPNHead: { ...denseHead, refused: { ...denseHead.refused, num_convs: 2, num_classes: 2 } },
  RetinaHead: {
    done: {
      ...denseHead.done,
      anchor_generator: { ...denseHead.done.anchor_generator, strides: [8, 16, 32, 64, 128] },
      num_classes: 7,
      stacked_convs: 2,
    },
    refused: { ...denseHead.refused, conv_cfg: { type: 'ConvWS' }, norm_cfg: { type: 'BN' } },
    unneeded: denseHead.unneeded,
  },
  AnchorGenerator: {
    done: {
      ratios: [1, 2],
      scales: [4],
      base_sizes: [4, 8, 16, 32, 60],
      centers: [1, 2, 3, 4, 5].map((c) => [c, c]),
      center_offset: 0.5,
    },
    refused: { strides: [4, 8, 16, 32], scale_major: false, octave_base_scale: 4, scales_per_octave: 3 },
    unneeded: { use_box_type: true },
  },
  DeltaXYWHBBoxCoder: {
    done: { target_means: [0.1, 0, 0, 0], target_stds: [1, 1, 2, 2] },
    refused: { clip_border: false, add_ctr_clamp: true, ctr_clamp: 16 },
    unneeded: { use_box_type: true },
  },
  StandardRoIHead: roiHead,
  CascadeRoIHead: {
    ...roiHead,
    refused: { ...roiHead.refused, num_stages: 2 },
    unneeded: { ...roiHead.unneeded, stage_loss_weights: [1, 1, 1] },
  },
  SingleRoIExtractor: {
    done: { finest_scale: 28, roi_layer: { type: 'RoIAlign', output_size: 7, sampling_ratio: 2 } },
    refused: { out_channels: 128, featmap_strides: [4, 8, 16, 64] },
    unneeded: { init_cfg: ofTraining.init_cfg },
  },
  RoIAlign: {
    done: { output_size: 5, sampling_ratio: 2, aligned: false },
    refused: { spatial_scale: 0.5, pool_mode: 'max', use_torchvision: true },
  },
  ConvFCBBoxHead: boxHead,
  Shared2FCBBoxHead: boxHead,
  FCNMaskHead: {
    done: { num_convs: 2, conv_out_channels: 128, class_agnostic: true },
    refused: {
      roi_feat_size: 7,
      in_channels: 128,
      num_classes: 7,
      conv_kernel_size: 5,
      upsample_cfg: { type: 'bilinear', scale_factor: 2 },
      conv_cfg: { type: 'ConvWS' },
      norm_cfg: { type: 'BN' },
      predictor_cfg: { type: 'NormedConv2d' },
    },
    unneeded: { loss_mask: { type: 'DiceLoss' }, init_cfg: ofTraining.init_cfg },
  },
  'test_cfg.rpn': {
    done: {
      nms_pre: 500,
      max_per_img: 300,
      nms: { type: 'nms', iou_threshold: 0.6 },
      min_bbox_size: 4,
    },
    refused: { nms_across_levels: true, nms_post: 300, max_num: 300, nms_thr: 0.5 },
    unneeded: { deploy_nms_pre: 7 },
  },
  'test_cfg.rcnn': {
    done: {
      score_thr: 0.3,
      nms: { type: 'nms', iou_threshold: 0.6 },
      max_per_img: -1,
      mask_thr_binary: 0.4,
    },
  },
  'test_cfg of RetinaNet': {
    done: {
      nms_pre: 500,
      min_bbox_size: 4,
      score_thr: 0.3,
      nms: { type: 'nms', iou_threshold: 0.6 },
      max_per_img: 50,
    },
    unneeded: { deploy_nms_pre: 7 },
  },
  'test_cfg of EncoderDecoder': {
    refused: { mode: 'slide' },
    unneeded: { crop_size: [64, 64], stride: [32, 32] }, // of the mode `slide`
  },
  nms: {
    done: { iou_threshold: 0.6, max_num: 50, class_agnostic: true },
    refused: { type: 'soft_nms', offset: 1, score_threshold: 0.2 },
    unneeded: { split_thr: 100 },
  },
  BatchNorm: {
    done: { eps: 1e-3 },
    refused: { type: 'GN', affine: false, track_running_stats: false },
    unneeded: { requires_grad: false, momentum: 0.01 },
  },
  upsample_cfg: {
    refused: { mode: 'bilinear', scale_factor: 4, align_corners: true },
    unneeded: { recompute_scale_factor: true },
  },
  UPerHead: segmentationHeadWith({ done: { pool_scales: [1, 2] }, refused: { in_index: [0, 1, 2] } }),
  FPNHead: segmentationHeadWith({ refused: { in_index: [0, 1, 2], feature_strides: [4, 8, 16, 16] } }),
  FCNHead: segmentationHeadWith({
    done: { num_convs: 1, kernel_size: 1, concat_input: false, dilation: 2, in_index: 2 },
  }),
  DetDataPreprocessor: {
    done: { ...preprocessor.done, pad_size_divisor: 64, pad_value: 3 },
    refused: preprocessor.refused ?? {},
    unneeded: {
      ...preprocessor.unneeded,
      pad_mask: true,
      mask_pad_value: 1,
      pad_seg: true,
      seg_pad_value: 0,
      boxtype2tensor: false,
    },
  },
  ImgDataPreprocessor: {
    ...preprocessor,
    done: { ...preprocessor.done, pad_size_divisor: 64, pad_value: 3 },
  },
  SegDataPreProcessor: {
    ...preprocessor,
    done: { ...preprocessor.done, pad_val: 3, test_cfg: { size_divisor: 64 } },
    unneeded: { ...preprocessor.unneeded, size: [512, 512], size_divisor: 8, seg_pad_val: 0 },
  },
  LoadImageFromFile: {
    done: { channel_order: 'rgb' },
    refused: { to_float32: true, color_type: 'grayscale' },
    unneeded: { ...files, backend_args: { backend: 'petrel' }, imdecode_backend: 'pillow', ignore_empty: true },
  },
  LoadAnnotations: {
    unneeded: {
      ...files,
      with_bbox: false,
      with_label: false,
      with_mask: true,
      with_seg: true,
      poly2mask: false,
      denorm_bbox: true,
      box_type: 'qbox',
      reduce_zero_label: true,
      ignore_index: 0,
      backend_args: {},
      imdecode_backend: 'cv2',
    },
  },
  MultiScaleFlipAug: {
    done: { img_scale: [640, 480], scales: [640, 480], resize_cfg: { type: 'Resize', keep_ratio: false }, img_ratios: 0.5 },
    refused: {
      transforms: [{ type: 'transforms of another library' }],
      scale_factor: 0.5,
      flip: true,
      allow_flip: true,
    },
    unneeded: { flip_direction: 'vertical', flip_cfg: { type: 'RandomFlip', prob: 0.5 } },
  },
  TestTimeAug: { refused: { transforms: [[{ type: 'Resize', scale: [8, 8] }, { type: 'Resize', scale: [9, 9] }]] } },
  Resize: {
    done: { scale: [640, 480], img_scale: [640, 480], keep_ratio: false },
    refused: {
      scale_factor: 0.5,
      ratio_range: [0.5, 2],
      backend: 'pillow',
      interpolation: 'nearest',
      override: true,
      min_size: 512,
    },
    unneeded: { multiscale_mode: 'value', bbox_clip_border: false, clip_object_border: false },
  },
  FixScaleResize: {
    done: { scale: [640, 480] },
    refused: { keep_ratio: true, scale_factor: 0.5, backend: 'pillow', interpolation: 'nearest' },
    unneeded: { clip_object_border: false },
  },
  ResizeShortestEdge: {
    done: { scale: 400, max_size: 1000 },
    refused: { resize_type: 'FixScaleResize' },
  },
  ResizeToMultiple: { done: { size_divisor: 16 }, refused: { interpolation: 'nearest' } },
  RandomFlip: {
    refused: { prob: 0.5, flip_ratio: 0.5 },
    unneeded: { direction: 'vertical', swap_seg_labels: [[1, 2]] }, // nothing is flipped
  },
  Normalize: { done: { mean: [1, 2, 3], std: [4, 5, 6], to_rgb: false } },
  Pad: {
    done: { size_divisor: 64, pad_val: 3 },
    refused: { size: [512, 512], pad_to_square: true, padding_mode: 'reflect' },
    unneeded: { seg_pad_val: 0 },
  },
  ImageToTensor: { unneeded: { keys: [] } },
  DefaultFormatBundle: { unneeded: { img_to_float: false, pad_val: { img: 1 } } },
  Collect: { unneeded: { keys: [], meta_keys: [] } },
  PackDetInputs: { unneeded: { meta_keys: [] } },
  PackSegInputs: { unneeded: { meta_keys: [] } },
};
