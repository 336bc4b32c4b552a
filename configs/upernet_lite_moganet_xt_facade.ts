import type { ZooEntry } from './common/entry.ts';
import { trunk, uperNetLite } from './common/facade.ts';

export default {
  name: 'upernet_lite_moganet_xt_facade',
  config: { name: 'upernet_lite_moganet_xt_facade', backbone: trunk, segmentation: uperNetLite },
  weights: { shipped: 'facade.safetensors' },
} satisfies ZooEntry;
