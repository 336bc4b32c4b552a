import type { ZooEntry } from './common/entry.ts';
import { maskRcnnLite, trunk, uperNetLite } from './common/facade.ts';

export default {
  name: 'facade',
  config: { name: 'facade', backbone: trunk, detection: maskRcnnLite, segmentation: uperNetLite },
  weights: { shipped: 'facade.safetensors' },
} satisfies ZooEntry;
