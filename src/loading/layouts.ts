import type { NDArray, TypedArray } from '../arrays.ts';
import { type KeyLayout, keyLayouts } from '../backbones/index.ts';
import { CheckpointError } from '../errors.ts';
import type { TensorEntry } from '../formats/tensors.ts';
import { withoutPrefix } from './prefix.ts';

/** Renames tensors from other publishers' key layouts to the keys of this package. */

/** A rule of a key layout, see `KeyLayout`. */
export type RenameRule = KeyLayout['rules'][number];

/** A tensor that a publisher keeps in another order or shape, see `KeyLayout`. */
export type TensorTransform = NonNullable<KeyLayout['transforms']>[number];

/**
 * Returns the new key. The first rule whose pattern matches replaces it (`$1` as in `String.replace`). A key that no rule matches stays as it
 * is.
 *
 * @param prefix keys without it stay as they are; rules see the rest of the key
 * @returns the new key, or `null` for a tensor that is left out
 */
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
 * @param prefix keys without it stay as they are; rules and transforms see the rest of the key
 * @throws CheckpointError if two keys become one
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
    if (other !== undefined) {
      throw new CheckpointError(`"${other}" and "${key}" both become "${to}". Correct the rename rules.`);
    }
    origin.set(to, key);
    const transform = key.startsWith(prefix)
      ? transforms.find(({ pattern }) => pattern.test(to.slice(prefix.length)))
      : undefined;
    result.set(to, transform ? transformed(entry, transform) : entry);
  }
  return result;
}

/** Returns a tensor whose shape and numbers change when it is read. */
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

type Entries = ReadonlyMap<string, TensorEntry>;

/** The prefix of the backbone's keys in a dense model. */
const withinDense = 'backbone.';

/** Renames weights with a known type of backbone. Weights in this package's key layout stay as they are. */
export function inOurLayout(type: string, entries: Entries, dense: boolean): Entries {
  const prefix = dense ? withinDense : '';
  const layout = layoutOf(type, entries, prefix);
  return layout ? renamed(entries, layout.rules, layout.transforms, prefix) : entries;
}

/** Keys of a pose head in mmpose 1.x, and their rule. The official weights have the names of 0.x, as this package. */
const newerPoseHead = ['final_layer', 'conv_layers.0', 'deconv_layers.0'].map((name) => `head.${name}.weight`);
const newerPoseRule: RenameRule = [/^head\.(?=(?:deconv_layers|conv_layers|final_layer)\.)/, 'keypoint_head.'];

/** Convolutions before the last one are in one sequence with it in 0.x. This package has the keys of 1.x for them. */
const inSequence = /^keypoint_head\.final_layer\.(\d+)\./;

/** Renames the head of a pose model of mmpose. */
export function poseHeadInOurLayout(given: Entries): Entries {
  const entries = newerPoseHead.some((key) => given.has(key)) ? renamed(given, [newerPoseRule]) : given;
  const last = [...entries.keys()].reduce((most, key) => Math.max(most, Number(inSequence.exec(key)?.[1] ?? -1)), -1);
  if (last < 0 || entries.has('keypoint_head.final_layer.weight')) return entries;
  return renamed(entries, [
    [new RegExp(`^keypoint_head\\.final_layer\\.${last}\\.`), 'keypoint_head.final_layer.'],
    [inSequence, 'keypoint_head.conv_layers.$1.'],
  ]);
}

/** Takes the weights of a backbone out of those of any model that contains it, and renames them. */
export function backboneInOurLayout(type: string, entries: Entries): Entries {
  const inner = withoutPrefix(entries, withinDense);
  return inOurLayout(type, inner.size > 0 && !layoutOf(type, entries) ? inner : entries, false);
}

/** Returns a key of each layout of a type of backbone that is not this package's. */
export const layoutMarks = (type: string): string[] =>
  Object.hasOwn(keyLayouts, type) ? (keyLayouts[type] ?? []).map(({ has }) => has) : [];

/** Returns the key layout of a file. Undefined for that of this package. */
function layoutOf(type: string, entries: Entries, prefix = ''): KeyLayout | undefined {
  const known = Object.hasOwn(keyLayouts, type) ? keyLayouts[type] : undefined;
  return known?.find(({ has }) => entries.has(prefix + has));
}

/** Renames the weights of an unknown model: a backbone or classifier, or a model that contains a backbone. */
export function inAnyLayout(given: Entries): Entries {
  const entries = poseHeadInOurLayout(given);
  const keys = [...entries.keys()];
  for (const { has, whole, rules, transforms } of Object.values(keyLayouts).flat()) {
    if (entries.has(has) && whole && keys.every((key) => whole.test(key))) return renamed(entries, rules, transforms);
    if (entries.has(withinDense + has)) return renamed(entries, rules, transforms, withinDense);
  }
  return entries;
}
