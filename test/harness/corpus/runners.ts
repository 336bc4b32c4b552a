import type { CorpusRunner } from './case.ts';
import { checkpoint } from './checkpoints.ts';
import { coco } from './coco.ts';
import { config } from './configs.ts';
import { image } from './images.ts';
import { strings } from './strings.ts';

/** The runner of each kind of case. */
// biome-ignore lint/suspicious/noExplicitAny: each runner knows what it loads
export const runners: Readonly<Record<string, CorpusRunner<any>>> = {
  png: image,
  jpeg: image,
  'image-other': image,
  'pth-zip': checkpoint,
  'pth-legacy': checkpoint,
  'pth-other': checkpoint,
  'pth-model': checkpoint,
  pickle: checkpoint,
  safetensors: checkpoint,
  config,
  coco,
  strings,
};
