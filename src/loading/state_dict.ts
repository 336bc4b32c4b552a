import { CheckpointError } from '../errors.ts';
import type { Checkpoint } from '../formats/checkpoint.ts';
import { quoted } from '../formats/context.ts';
import type { PickleValue } from '../formats/pickle_values.ts';
import type { TensorEntry } from '../formats/tensors.ts';
import { isTensor } from '../formats/torch_tensor.ts';

/** Which of a file's tensors are meant. */
export interface StateDictOptions {
  /** Take the moving average of the weights, where the file has one. Default: the weights themselves. */
  readonly ema?: boolean | undefined;
  /** Keep only keys that begin so, without it: "backbone." takes a backbone out of a detector. */
  readonly prefix?: string | undefined;
}

/** The tensors of one model, under the keys of its modules. */
export interface StateDict {
  /** By key, in the file's order, read when asked. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  /** Where in the file the set was: "state_dict", "model_ema", or "" for the file itself. */
  readonly set: string;
  /** Further sets of weights in the file that were not taken. */
  readonly others: readonly { readonly set: string; readonly averaged: boolean }[];
  /** What a user should know, as sentences: further sets, prefixes taken off, things passed over. */
  readonly notices: readonly string[];
}

/** Names under which training code saves a set of weights, the first that is there wins. */
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

/** What data parallelism and compilation put before every key. */
const wrapperPrefixes = ['module.', '_orig_mod.'];

type Dict = Map<PickleValue, PickleValue>;

/**
 * Finds the weights in a checkpoint, whatever wraps them.
 *
 * @throws CheckpointRefusal `not-a-checkpoint` where there are none, `missing` where there is no EMA set or no key has
 *   the prefix.
 */
export function stateDictOf(checkpoint: Checkpoint, options: StateDictOptions = {}): StateDict {
  const { root, refuse } = checkpoint;
  const notices: string[] = [];
  const { set, dict, others } = chooseSet(checkpoint, options.ema ?? false, notices);

  let entries = new Map<string, TensorEntry>();
  let passed = 0;
  for (const [key, value] of dict) {
    if (typeof key === 'string' && isTensor(value)) entries.set(key, value.entry);
    else if (dict !== root || key !== '__metadata__') passed++;
  }
  if (passed > 0)
    notices.push(`${passed} of the values in ${set ? quoted(set) : 'the file'} are no tensors and are passed over.`);

  for (let stripped = true; stripped; ) {
    stripped = false;
    for (const prefix of wrapperPrefixes) {
      if (entries.size === 0 || ![...entries.keys()].every((key) => key.startsWith(prefix))) continue;
      entries = withoutPrefix(entries, prefix);
      notices.push(`Every key begins with "${prefix}", which is taken off.`);
      stripped = true;
    }
  }
  if (options.prefix) {
    const [firstKey] = entries.keys();
    entries = withoutPrefix(entries, options.prefix);
    if (entries.size === 0) {
      throw refuse(
        'missing',
        '',
        `no key begins with ${quoted(options.prefix)}; the first is ${quoted(firstKey ?? '')}`,
      );
    }
  }
  return { entries, set, others, notices };
}

/** Keys that begin with `prefix`, without it, in their order. */
export function withoutPrefix<T>(entries: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const kept = new Map<string, T>();
  for (const [key, value] of entries) if (key.startsWith(prefix)) kept.set(key.slice(prefix.length), value);
  return kept;
}

interface Choice extends Pick<StateDict, 'set' | 'others'> {
  readonly dict: Dict;
}

function chooseSet(checkpoint: Checkpoint, ema: boolean, notices: string[]): Choice {
  const { root, refuse } = checkpoint;
  if (!(root instanceof Map)) throw refuse('not-a-checkpoint', '', 'its root is not a dict of weights');
  const present = (names: readonly string[]) => names.filter((name) => weightsIn(root.get(name)));
  const plain = present(wrappers);
  const averaged = present(emaWrappers);
  const [first] = ema ? averaged : [...plain, ...(isBare(root) ? [] : averaged)];
  if (ema && first === undefined) {
    const sets = plain.map(quoted).join(', ') || 'the weights themselves';
    throw refuse(
      'missing',
      '',
      `it has no moving average of the weights, only ${sets}`,
      'Load it without the option ema.',
    );
  }
  if (first === undefined) {
    if (isBare(root)) return { set: '', dict: root, others: [] };
    const names = [...root.keys()].slice(0, 8).map((key) => quoted(String(key)));
    throw refuse(
      'not-a-checkpoint',
      '',
      `it holds no set of weights under a known name; its names are ${names.join(', ')}`,
    );
  }
  const others = [...plain, ...averaged].filter((name) => name !== first);
  if (others.length > 0) {
    const how = ema ? 'without the option ema' : 'with the option ema';
    const choice = averaged.length > 0 && plain.length > 0 ? `; load it ${how} for the other` : '';
    notices.push(
      `The file holds several sets of weights: "${first}" is used, not ${others.map(quoted).join(', ')}${choice}.`,
    );
  }
  return {
    set: first,
    dict: weightsIn(root.get(first))!,
    others: others.map((name) => ({ set: name, averaged: averaged.includes(name) })),
  };
}

/** A dict that holds tensors by name; one more wrapper inside is looked through. */
function weightsIn(value: PickleValue | undefined): Dict | undefined {
  if (!(value instanceof Map)) return undefined;
  if (isBare(value)) return value;
  const inner = value.get('state_dict') ?? value.get('module');
  return inner instanceof Map && isBare(inner) ? inner : undefined;
}

function isBare(dict: Dict): boolean {
  for (const [key, value] of dict) if (typeof key === 'string' && isTensor(value)) return true;
  return false;
}

/**
 * Joins the tensors of several files into one set; a key in two of them must hold the same values.
 *
 * @throws CheckpointError that names the key and both files.
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
