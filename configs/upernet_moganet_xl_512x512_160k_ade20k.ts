import type { ZooEntry } from './common/entry.ts';
import { uperNet } from './common/moganet.ts';

/** The configuration is official; the weights were not published. */
export default {
  name: 'upernet_moganet_xl_512x512_160k_ade20k',
  config: uperNet('upernet_moganet_xl_512x512_160k_ade20k', 'xl'),
} satisfies ZooEntry;
