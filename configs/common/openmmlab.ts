/** The detectors of mmdetection and the segmentors of mmsegmentation on other backbones than MogaNet. */

export const detection = 'https://download.openmmlab.com/mmdetection/v2.0';
export const segmentation = 'https://download.openmmlab.com/mmsegmentation/v0.5';

export const detectionSource = 'github.com/open-mmlab/mmdetection v3.3.0, configs/*/metafile.yml';
export const segmentationSource = 'github.com/open-mmlab/mmsegmentation v1.2.2, configs/*/metafile.yaml';

/** mmseg's own pipeline resizes once and stretches nothing. */
export const segmentationInput = { scale: [2048, 512] as [number, number], divisor: 1 };

/** As its ConvNeXt segmentors are evaluated. */
export const slide = { crop: { height: 512, width: 512 }, stride: { height: 341, width: 341 } };
