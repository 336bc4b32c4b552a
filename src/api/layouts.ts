import { type Layout, layouts } from '../backbones/index.ts';
import { renamed, type TensorEntry, withoutPrefix } from '../checkpoint/index.ts';

/** Weights as other publishers name them, in the layout of our backbones. */

type Entries = ReadonlyMap<string, TensorEntry>;

/** Where a detector or segmentor has its backbone. */
const withinDense = 'backbone.';

/** Weights for a backbone of a known type; those that are in its own layout stay as they are. */
export function inLayoutOf(type: string, entries: Entries, dense: boolean): Entries {
  const prefix = dense ? withinDense : '';
  const layout = layoutOf(type, entries, prefix);
  return layout ? renamed(entries, layout.rules, layout.transforms, prefix) : entries;
}

/** Weights for a backbone by itself out of those of any model that has it in it. */
export function trunkInLayoutOf(type: string, entries: Entries): Entries {
  const inner = withoutPrefix(entries, withinDense);
  return inLayoutOf(type, inner.size > 0 && !layoutOf(type, entries) ? inner : entries, false);
}

function layoutOf(type: string, entries: Entries, prefix = ''): Layout | undefined {
  const known: readonly Layout[] = Object.hasOwn(layouts, type) ? layouts[type as keyof typeof layouts] : [];
  return known.find(({ has }) => entries.has(prefix + has));
}

/** Weights of an unknown model: a backbone or classifier alone, or a model with a backbone in it. */
export function inAnyLayout(entries: Entries): Entries {
  const keys = [...entries.keys()];
  for (const { has, whole, rules, transforms } of Object.values(layouts).flat() as readonly Layout[]) {
    if (entries.has(has) && whole(keys)) return renamed(entries, rules, transforms);
    if (entries.has(withinDense + has)) return renamed(entries, rules, transforms, withinDense);
  }
  return entries;
}
