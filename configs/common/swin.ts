import type { SwinConfig } from '../../src/backbones/swin.ts';
import type { ModelConfig } from '../../src/models/config.ts';
import type { ZooEntry } from './entry.ts';

/** Microsoft's Swin classifiers. */

export const releases = 'https://github.com/SwinTransformer/storage/releases/download';
export const readme = 'github.com/microsoft/Swin-Transformer, README at f82860bf';

type Arch = Extract<SwinConfig['arch'], string>;

/**
 * ImageNet-1k. At 224 pixels the official evaluation takes the middle of the picture, its short side resized to 256; at 384 it
 * stretches the whole picture to a square, where the short side's square is taken here, as timm does with these weights.
 */
export function imageNet(name: string, arch: Arch, size: 224 | 384 = 224): ModelConfig {
  const large = size === 384;
  return {
    name,
    backbone: { type: 'swin', arch, ...(large && { window: 12, imageSize: size }) },
    classification: { dataset: 'imagenet', input: { size, cropPct: large ? 1 : 0.875 } },
  };
}

/** The README counts multiply-adds. */
export function published(
  params: number,
  flops: number,
  top1: number,
  top5: number,
  size: 224 | 384 = 224,
): NonNullable<ZooEntry['published']> {
  return {
    params,
    flops,
    rule: 'macs',
    input: { height: size, width: size },
    scores: { 'top-1': top1, 'top-5': top5 },
    source: readme,
  };
}
