import type { ZooEntry } from './common/entry.ts';
import { imageNet, readme } from './common/moganet.ts';

/**
 * OpenMixup's weights (DeiT-III recipe): trained with `attn_force_fp32`, which applies the gate's activation twice.
 * Evaluated there by a resize to 284 and a crop of 256 (moga_light_deit3_sz256_8xbs128.py at c042813e; later revisions crop 224).
 */
export default {
  name: 'moganet_t_256_openmixup',
  config: imageNet('moganet_t_256_openmixup', 't', { doubleActivation: true, size: 256 }),
  variantOf: 'moganet_t',
  weights: {
    url: 'https://github.com/Westlake-AI/openmixup/releases/download/moganet-in1k-weights/moga_tiny_deit3_sz256_lr2e_3_8xb128_fp16_ep300.pth',
  },
  published: {
    params: 5.2,
    flops: 1.44,
    input: { height: 256, width: 256 },
    scores: { 'top-1': 80.0, 'top-5': 95.0 },
    source: readme,
  },
} satisfies ZooEntry;
