import type { ZooEntry } from './common/entry.ts';
import { maskRcnnLite, trunk } from './common/facade.ts';

export default {
  name: 'mask_rcnn_lite_moganet_xt_fpn_facade',
  config: { name: 'mask_rcnn_lite_moganet_xt_fpn_facade', backbone: trunk, detection: maskRcnnLite },
  weights: { shipped: 'facade.safetensors' },
} satisfies ZooEntry;
