import type { NDArray, TypedArray } from '../arrays.ts';
import { type KeyLayout, keyLayouts } from '../backbones/index.ts';
import { CheckpointError } from '../errors.ts';
import type { TensorEntry } from '../formats/tensors.ts';
import { withoutPrefix } from './state_dict.ts';

/**
 * A publisher's layout as data. Rules are tried in order, the first whose pattern is found in a key replaces it
 * (`$1` … as in `String.replace`); a `null` replacement leaves the tensor out; a key that no rule knows stays as it is.
 */
export type RenameRule = readonly [pattern: RegExp, replacement: string | null];

/** Where a layout keeps the same numbers in another order or shape. `pattern` is matched against the new key. */
export interface TensorTransform {
  readonly pattern: RegExp;
  /** The shape in this package of a tensor of that shape in the file. */
  readonly shape: (shape: readonly number[]) => readonly number[];
  /** Its numbers in the order of this package. */
  readonly data: (array: NDArray) => NDArray;
}

/** The new key; `null` for a tensor that is left out. Below a prefix the rules see what follows it; other keys stay. */
export function renamedKey(key: string, rules: readonly RenameRule[], prefix = ''): string | null {
  if (!key.startsWith(prefix)) return key;
  const name = key.slice(prefix.length);
  for (const [pattern, replacement] of rules) {
    if (pattern.test(name)) return replacement === null ? null : prefix + name.replace(pattern, replacement);
  }
  return key;
}

/**
 * Renames the keys of a set of tensors, in their order, and applies the transforms when a tensor is read.
 *
 * @param prefix of the keys that are meant; the others stay, and rules and transforms see what follows it
 * @throws CheckpointError where two keys become one.
 */
export function renamed(
  entries: ReadonlyMap<string, TensorEntry>,
  rules: readonly RenameRule[],
  transforms: readonly TensorTransform[] = [],
  prefix = '',
): Map<string, TensorEntry> {
  const result = new Map<string, TensorEntry>();
  const origin = new Map<string, string>();
  for (const [key, entry] of entries) {
    const to = renamedKey(key, rules, prefix);
    if (to === null) continue;
    const other = origin.get(to);
    if (other !== undefined)
      throw new CheckpointError(`"${other}" and "${key}" both become "${to}". Correct the rename rules.`);
    origin.set(to, key);
    const transform = key.startsWith(prefix)
      ? transforms.find(({ pattern }) => pattern.test(to.slice(prefix.length)))
      : undefined;
    result.set(to, transform ? transformed(entry, transform) : entry);
  }
  return result;
}

function transformed(entry: TensorEntry, { shape, data }: TensorTransform): TensorEntry {
  const readFloat32 = async () => data(await entry.readFloat32());
  return {
    shape: shape(entry.shape),
    dtype: 'float32',
    readFloat32,
    read: readFloat32 as () => Promise<NDArray<TypedArray>>,
    bytes: async () => {
      const array = await readFloat32();
      return new Uint8Array(array.data.buffer, array.data.byteOffset, array.data.byteLength);
    },
  };
}

/** Weights as other publishers name them, in the layout of our backbones. */

type Entries = ReadonlyMap<string, TensorEntry>;

/** Where a detector or segmentor has its backbone. */
const withinDense = 'backbone.';

/** Weights for a backbone of a known type; those that are in its own layout stay as they are. */
export function inOurLayout(type: string, entries: Entries, dense: boolean): Entries {
  const prefix = dense ? withinDense : '';
  const layout = layoutOf(type, entries, prefix);
  return layout ? renamed(entries, layout.rules, layout.transforms, prefix) : entries;
}

/** Weights for a backbone by itself out of those of any model that has it in it. */
export function backboneInOurLayout(type: string, entries: Entries): Entries {
  const inner = withoutPrefix(entries, withinDense);
  return inOurLayout(type, inner.size > 0 && !layoutOf(type, entries) ? inner : entries, false);
}

function layoutOf(type: string, entries: Entries, prefix = ''): KeyLayout | undefined {
  const known = Object.hasOwn(keyLayouts, type) ? keyLayouts[type] : undefined;
  return known?.find(({ has }) => entries.has(prefix + has));
}

/** Weights of an unknown model: a backbone or classifier alone, or a model with a backbone in it. */
export function inAnyLayout(entries: Entries): Entries {
  const keys = [...entries.keys()];
  for (const { has, whole, rules, transforms } of Object.values(keyLayouts).flat()) {
    if (entries.has(has) && whole && keys.every((key) => whole.test(key))) return renamed(entries, rules, transforms);
    if (entries.has(withinDense + has)) return renamed(entries, rules, transforms, withinDense);
  }
  return entries;
}
