import type { ResNetConfig } from '../../src/backbones/resnet.ts';
import type { ModelConfig } from '../../src/models/config.ts';

/** torchvision's ResNet classifiers, the weights that repeat the paper's training (IMAGENET1K_V1). */

export const releases = 'https://download.pytorch.org/models';
export const source = 'pytorch.org/vision/stable/models, IMAGENET1K_V1';

/** torchvision's evaluation: short side 256, bilinear, and the middle 224 pixels. */
export function imageNet(name: string, depth: ResNetConfig['depth']) {
  return {
    name,
    backbone: { type: 'resnet', depth },
    classification: { dataset: 'imagenet', input: { size: 224, cropPct: 0.875, interpolation: 'bilinear' } },
  } satisfies ModelConfig;
}
