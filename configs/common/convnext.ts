import type { ModelConfig } from '../../src/models/config.ts';

/** The official ConvNeXt classifiers. */

export const releases = 'https://dl.fbaipublicfiles.com/convnext';
/** Parameters and FLOPs stand in the paper, the scores in both. */
export const source = 'arXiv 2201.03545, tables 1 and 12; github.com/facebookresearch/ConvNeXt, README at 048efcea';

/** The official evaluation at 224 pixels: short side 256, bicubic, and the middle of it. The pyramid has no norms. */
export function imageNet(name: string, arch: 't' | 's' | 'b' | 'l' | 'xl') {
  return {
    name,
    backbone: { type: 'convnext', arch, outputNorms: false },
    classification: { dataset: 'imagenet', input: { size: 224, cropPct: 0.875 } },
  } satisfies ModelConfig;
}
