import { CheckpointError } from '../errors.ts';
import type { Checkpoint } from '../formats/checkpoint.ts';
import { quoted } from '../formats/context.ts';
import type { PickleValue } from '../formats/pickle_values.ts';
import type { TensorEntry } from '../formats/tensors.ts';
import { isTensor } from '../formats/torch_tensor.ts';

/** Selects tensors of a file. */
export interface StateDictOptions {
  /** Take the moving average of the weights. By default the weights themselves. */
  readonly ema?: boolean | undefined;
  /** Take only keys that begin with this prefix, and drop it: "backbone." takes the backbone of a larger model. */
  readonly prefix?: string | undefined;
}

/** The tensors of one model, under the keys of its modules. */
export interface StateDict {
  /** Tensors by key, in the file's order. They are read on demand. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** Name of the set in the file: "state_dict", "model_ema", or "" for the file itself. */
  readonly set: string;
  /** Other sets of weights in the file. */
  readonly others: readonly { readonly set: string; readonly averaged: boolean }[];
  /** Sentences for the user: other sets, removed prefixes, skipped values. */
  readonly notices: readonly string[];
}

/** Names under which training code saves a set of weights. The first that a file has is taken. */
const wrappers = [
  'state_dict',
  'model',
  'model_state_dict',
  'model_state',
  'net',
  'network',
  'module',
  'params',
  'weights',
];
const emaWrappers = ['state_dict_ema', 'model_ema', 'ema_state_dict', 'ema', 'params_ema', 'model_ema_state_dict'];

/** Prefixes that data parallelism and compilation put before every key. */
const wrapperPrefixes = ['module.', '_orig_mod.'];

type Dict = Map<PickleValue, PickleValue>;

/**
 * Finds the weights in a checkpoint, whatever wraps them.
 *
 * @throws CheckpointRefusal `not-a-checkpoint` if there are none, `missing` if there is no averaged set or no key has the prefix
 */
export function stateDictOf(checkpoint: Checkpoint, options: StateDictOptions = {}): StateDict {
  const { set, dict, others, notices } = chooseSet(checkpoint, options.ema ?? false);
  const found = tensorsIn(checkpoint, dict, set);
  const bare = withoutWrappers(found.entries);
  return {
    entries: options.prefix ? selected(bare.entries, options.prefix, checkpoint) : bare.entries,
    set,
    others,
    notices: [...notices, ...found.notices, ...bare.notices],
  };
}

interface Entries {
  readonly entries: ReadonlyMap<string, TensorEntry>;
  readonly notices: readonly string[];
}

/** Returns the tensors of a dict, and a notice on other values. The metadata of a safetensors file is expected. */
function tensorsIn({ root }: Checkpoint, dict: Dict, set: string): Entries {
  const entries = new Map<string, TensorEntry>();
  let others = 0;
  for (const [key, value] of dict) {
    if (typeof key === 'string' && isTensor(value)) entries.set(key, value.entry);
    else if (dict !== root || key !== '__metadata__') others++;
  }
  const skipped = `${others} of the values in ${set ? quoted(set) : 'the file'} are not tensors and are skipped.`;
  return { entries, notices: others > 0 ? [skipped] : [] };
}

/** Removes the prefixes of wrappers that every key has, one after the other. */
function withoutWrappers(entries: ReadonlyMap<string, TensorEntry>): Entries {
  const keys = [...entries.keys()];
  const prefix = wrapperPrefixes.find((one) => keys.length > 0 && keys.every((key) => key.startsWith(one)));
  if (!prefix) return { entries, notices: [] };
  const inner = withoutWrappers(withoutPrefix(entries, prefix));
  return { ...inner, notices: [`Every key begins with "${prefix}", which is removed.`, ...inner.notices] };
}

/** Returns the tensors whose key begins with a prefix, without it. @throws CheckpointRefusal `missing` if there are none */
function selected(
  entries: ReadonlyMap<string, TensorEntry>,
  prefix: string,
  { refuse }: Checkpoint,
): ReadonlyMap<string, TensorEntry> {
  const kept = withoutPrefix(entries, prefix);
  if (kept.size > 0) return kept;
  const [first = ''] = entries.keys();
  throw refuse('missing', '', `no key begins with ${quoted(prefix)}; the first is ${quoted(first)}`);
}

/** Returns the entries whose key begins with `prefix`, without it, in their order. */
export function withoutPrefix<T>(entries: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const kept = new Map<string, T>();
  for (const [key, value] of entries) if (key.startsWith(prefix)) kept.set(key.slice(prefix.length), value);
  return kept;
}

interface Choice extends Pick<StateDict, 'set' | 'others' | 'notices'> {
  readonly dict: Dict;
}

/** Picks a set of weights by its name. @throws CheckpointRefusal */
function chooseSet({ root, refuse }: Checkpoint, ema: boolean): Choice {
  if (!(root instanceof Map)) throw refuse('not-a-checkpoint', '', 'its root is not a dict of weights');
  const setsNamed = (names: readonly string[], averaged: boolean) =>
    names.flatMap((set) => {
      const dict = weightsIn(root.get(set));
      return dict ? [{ set, dict, averaged }] : [];
    });
  const plain = setsNamed(wrappers, false);
  const averaged = setsNamed(emaWrappers, true);
  const [chosen] = ema ? averaged : [...plain, ...(isBare(root) ? [] : averaged)];
  if (!chosen) {
    if (ema) throw refuse('missing', '', withoutAverage(plain), 'Load it without the option ema.');
    if (isBare(root)) return { set: '', dict: root, others: [], notices: [] };
    const names = [...root.keys()].slice(0, 8).map((key) => quoted(String(key)));
    const reason = `it has no set of weights under a known name; its names are ${names.join(', ')}`;
    throw refuse('not-a-checkpoint', '', reason);
  }
  const others = [...plain, ...averaged].filter((other) => other !== chosen);
  const how = ema ? 'without the option ema' : 'with the option ema';
  const choice = averaged.length > 0 && plain.length > 0 ? `; load it ${how} for the other` : '';
  const several = `The file has several sets of weights: "${chosen.set}" is used, not ${setNames(others)}${choice}.`;
  return {
    set: chosen.set,
    dict: chosen.dict,
    others: others.map((other) => ({ set: other.set, averaged: other.averaged })),
    notices: others.length > 0 ? [several] : [],
  };
}

type Named = Pick<StateDict, 'set'>;

const setNames = (sets: readonly Named[]): string => sets.map(({ set }) => quoted(set)).join(', ');

const withoutAverage = (plain: readonly Named[]): string =>
  `it has no moving average of the weights, only ${setNames(plain) || 'the weights themselves'}`;

/** Returns a dict of tensors: the value itself, or the one in another wrapper inside it. */
function weightsIn(value: PickleValue | undefined): Dict | undefined {
  if (!(value instanceof Map)) return undefined;
  if (isBare(value)) return value;
  const inner = value.get('state_dict') ?? value.get('module');
  return inner instanceof Map && isBare(inner) ? inner : undefined;
}

/** Tells whether a dict has tensors. */
function isBare(dict: Dict): boolean {
  for (const [key, value] of dict) if (typeof key === 'string' && isTensor(value)) return true;
  return false;
}

/**
 * Joins the tensors of several files into one set. A key in two files must have the same values.
 *
 * @throws CheckpointError naming the key and both files if it has not
 */
export async function mergeEntries(
  sets: readonly { readonly file: string; readonly entries: ReadonlyMap<string, TensorEntry> }[],
): Promise<Map<string, TensorEntry>> {
  const merged = new Map<string, TensorEntry>();
  const from = new Map<string, string>();
  for (const { file, entries } of sets) {
    for (const [key, entry] of entries) {
      const before = merged.get(key);
      if (before && !(await sameTensor(before, entry))) {
        throw new CheckpointError(
          `${key} differs between ${from.get(key)} and ${file}. Merge files of one model only.`,
        );
      }
      if (before) continue;
      merged.set(key, entry);
      from.set(key, file);
    }
  }
  return merged;
}

async function sameTensor(a: TensorEntry, b: TensorEntry): Promise<boolean> {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  const [x, y] = [await a.bytes(), await b.bytes()];
  return x.every((byte, i) => byte === y[i]);
}
