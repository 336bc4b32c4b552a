import { cocoNames } from '../zoo/index.ts';

/** Ids between 1 and 90 that COCO's detection set does not use. */
const gaps = new Set([12, 26, 29, 30, 45, 66, 68, 69, 71, 83]);
const cocoIds = Array.from({ length: 90 }, (_, i) => i + 1).filter((id) => !gaps.has(id));

/** The data set's category ids of a model's labels: COCO's own where the names are COCO's, 1 to n otherwise. */
export function categoryIds(names: readonly string[]): readonly number[] {
  const isCoco = names.length === cocoNames.length && names.every((name, i) => name === cocoNames[i]);
  return isCoco ? cocoIds : names.map((_, i) => i + 1);
}
