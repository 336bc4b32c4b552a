import type { Xywh } from './coco_shapes.ts';
import { duplicateIou } from './health_codes.ts';

/**
 * Finds boxes that nearly cover each other. Sorted by their left edge, a box is compared only with those that begin
 * within what the threshold allows of its width, and equal boxes are one before anything is compared.
 */

/**
 * Returns the boxes that nearly cover each other.
 *
 * @param boxes of one image and class, each with a width and a height above 0
 * @returns groups of two or more positions, joined by pairs over the threshold
 */
export function nearDuplicates(boxes: readonly Xywh[]): number[][] {
  const groupOf = new Map<string, number[]>(); // of equal boxes
  for (const [i, box] of boxes.entries()) {
    const key = box.join(' ');
    const group = groupOf.get(key);
    if (group) group.push(i);
    else groupOf.set(key, [i]);
  }
  const sorted = [...groupOf.values()]
    .map((members) => ({ members, box: boxes[members[0] ?? 0] ?? ([0, 0, 0, 0] as const) }))
    .toSorted((a, b) => a.box[0] - b.box[0]);
  const parent = sorted.map((_, i) => i);
  const rootOf = (i: number): number => {
    let root = i;
    while (parent[root] !== root) root = parent[root] ?? root;
    for (let at = i; at !== root; ) {
      const next = parent[at] ?? root;
      parent[at] = root;
      at = next;
    }
    return root;
  };
  for (const [i, { box }] of sorted.entries()) {
    // IoU > t needs an overlap of over t of the union's width, which begins at this box's left edge
    const last = box[0] + (1 - duplicateIou) * (box[2] / duplicateIou);
    for (let k = i + 1; k < sorted.length; k++) {
      const other = sorted[k]?.box;
      if (!other || other[0] > last) break;
      if (iouOf(box, other) > duplicateIou) parent[rootOf(k)] = rootOf(i);
    }
  }
  const groups = new Map<number, number[]>();
  for (const [i, { members }] of sorted.entries()) {
    const root = rootOf(i);
    const group = groups.get(root);
    if (group) group.push(...members);
    else groups.set(root, [...members]);
  }
  return [...groups.values()].filter(({ length }) => length > 1).map((group) => group.toSorted((a, b) => a - b));
}

/** As `iouXywh`, of one pair: it is called for every pair of neighbours. */
function iouOf([ax, ay, aw, ah]: Xywh, [bx, by, bw, bh]: Xywh): number {
  const width = Math.min(ax + aw, bx + bw) - Math.max(ax, bx);
  const height = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  if (!(width > 0 && height > 0)) return 0;
  return (width * height) / (aw * ah + bw * bh - width * height);
}
