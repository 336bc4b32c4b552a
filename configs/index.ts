import { convNextModels } from './convnext.ts';
import type { ZooEntry } from './entry.ts';
import { facadeModels } from './facade.ts';
import { mogaNetModels } from './moganet.ts';
import { parcNetModels } from './parcnet.ts';
import { resNetModels } from './resnet.ts';
import { swinModels } from './swin.ts';

export type { CountingRule, Publisher, ZooEntry } from './entry.ts';
export { countedAt, hashInName } from './helpers.ts';

/** Every published or shipped model, the demo first. If weights fit several, an earlier entry is the default. */
export const entries: readonly ZooEntry[] = [
  ...facadeModels,
  ...mogaNetModels,
  ...convNextModels,
  ...resNetModels,
  ...swinModels,
  ...parcNetModels,
];
