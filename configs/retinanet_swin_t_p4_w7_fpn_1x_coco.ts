import { retinaNet } from './common/dense.ts';
import type { ZooEntry } from './common/entry.ts';

/** mmdetection's configuration, for which it has neither weights nor figures. Its first map is not used, and has no norm. */
export default {
  name: 'retinanet_swin_t_p4_w7_fpn_1x_coco',
  config: retinaNet('retinanet_swin_t_p4_w7_fpn_1x_coco', { type: 'swin', arch: 't', outputNorms: [1, 2, 3] }),
} satisfies ZooEntry;
