import { CheckpointError } from '../errors.ts';
import { type Checkpoint, metaOf } from '../formats/checkpoint.ts';
import { quoted } from '../formats/context.ts';
import { isTensor, kindOf, PickleObject, type PickleValue, shortText } from '../formats/pickle_values.ts';
import type { TensorEntry } from '../formats/tensors.ts';
import { outermost, severalPrefixes, withoutPrefix } from './prefix.ts';
import { averageBuffers, averagedCopy, type Entries, type Split, type Tensors, withoutWrappers } from './wrappers.ts';

/** Selects tensors of a file. */
export interface StateDictOptions {
  /**
   * `true` takes the averaged weights, whatever the file calls them, `false` those that are not averaged. By default the set that its
   * trainer saves for use.
   */
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
  /** The set is a moving average of the weights. */
  readonly averaged: boolean;
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
const emaWrappers = [
  'state_dict_ema',
  'model_ema',
  'ema_state_dict',
  'ema',
  'params_ema',
  'model_ema_state_dict',
  'ema_model_state_dict',
  'ema_model',
  'ema_state',
  'swa_state_dict',
  'swa_model',
  'averaged_model',
];
/** Names of a set inside one of the above. */
const innerWrappers = ['state_dict', 'module', 'model', 'ema_model'];

type Dict = Map<PickleValue, PickleValue>;

/**
 * Finds the weights in a checkpoint, whatever wraps them.
 *
 * @throws CheckpointRefusal `not-a-checkpoint` if there are none, `missing` if there is no such set or no key has the prefix
 */
export function stateDictOf(checkpoint: Checkpoint, { ema, prefix }: StateDictOptions = {}): StateDict {
  // a prefix says itself which of two copies in one set is meant
  const sets = setsOf(checkpoint, prefix !== undefined);
  const chosen = ema === undefined ? sets[0] : sets.find(({ averaged }) => averaged === ema);
  if (!chosen) throw withoutSet(checkpoint, sets, ema === true);
  const found = chosen.read();
  const others = sets.filter((other) => other !== chosen).map(({ set, averaged }) => ({ set, averaged }));
  const bare = withoutWrappers(found.entries);
  const { entries, notices } = prefix ? selected(found.entries, bare, prefix, checkpoint) : bare;
  return {
    entries,
    set: chosen.set,
    averaged: chosen.averaged,
    others,
    notices: [...choiceNotices(chosen, others), ...found.notices, ...notices],
  };
}

/** A set of weights in a file. */
interface NamedSet {
  readonly set: string;
  readonly averaged: boolean;
  /** The trainer that does not call averaged weights by a name of their own. */
  readonly by?: string | undefined;
  read(): Entries;
}

/** Lists the sets of weights in a file, the one that is meant by default first. @throws CheckpointRefusal */
function setsOf(checkpoint: Checkpoint, isWhole: boolean): NamedSet[] {
  const { root, refuse } = checkpoint;
  if (!(root instanceof Map)) throw refuse('not-a-checkpoint', '', 'its root is not a dict of weights');
  const named = (names: readonly string[], averaged: boolean): NamedSet[] =>
    names.flatMap((set) => {
      const dict = weightsIn(root.get(set));
      return dict ? setsIn(checkpoint, dict, { set, averaged, isWhole }) : [];
    });
  const plain = named(wrappers, false);
  const bare =
    plain.length === 0 && isBare(root) ? setsIn(checkpoint, root, { set: '', averaged: false, isWhole }) : [];
  const sets = [...plain, ...bare, ...named(emaWrappers, true)];
  return withSwapped(checkpoint, root, sets);
}

/**
 * Corrects the roles in files of trainers that swap the sets when they save, so that `state_dict` has the averaged weights: mmengine's
 * EMAHook, which keeps its counter `steps` beside the others, and Lightning's WeightAveraging.
 */
function withSwapped(checkpoint: Checkpoint, root: Dict, sets: readonly NamedSet[]): NamedSet[] {
  const [main] = sets;
  if (main?.set !== 'state_dict') return [...sets];
  const ema = root.get('ema_state_dict');
  if (
    ema instanceof Map &&
    (isTensor(ema.get('steps') ?? null) || metaOf(checkpoint)?.mmengine_version !== undefined)
  ) {
    return sets.map((one) => {
      if (one === main) return { ...one, averaged: true, by: "mmengine's EMAHook" };
      return one.set === 'ema_state_dict' ? { ...one, averaged: false } : one;
    });
  }
  const current = weightsIn(root.get('current_model_state'));
  if (!current || !root.has('averaging_state')) return [...sets];
  const [first, ...others] = sets;
  const raw = setsIn(checkpoint, current, { set: 'current_model_state', averaged: false, isWhole: true });
  return first ? [{ ...first, averaged: true, by: "Lightning's WeightAveraging" }, ...raw, ...others] : [];
}

interface SetFacts extends Named {
  /** Averaged copies inside the set stay in it. */
  readonly isWhole: boolean;
}

/** Returns a dict as a set of weights, or as two if it has an average of them as well. */
function setsIn(checkpoint: Checkpoint, dict: Dict, { set, averaged, isWhole }: SetFacts): NamedSet[] {
  const read = () => tensorsIn(checkpoint, dict, set);
  const { entries } = read();
  if (entries.has('n_averaged')) return [{ set, averaged: true, read }];
  if (averaged) return [{ set, averaged, read }];
  const { entries: bare } = withoutWrappers(entries);
  const pair = (split: Split, isSwapped: boolean, by?: string): NamedSet[] => [
    { set, averaged: isSwapped, by, read: () => ({ ...read(), entries: split.plain }) },
    { set: split.set, averaged: !isSwapped, by, read: () => ({ ...read(), entries: split.averaged }) },
  ];
  const buffers = averageBuffers(bare);
  // the hook swaps after each epoch, before the file is saved; a runner by iterations has no epochs, so it never swaps
  if (buffers) return pair(buffers, !/\bIterBasedRunner\b/.test(`${metaOf(checkpoint)?.config}`), "mmcv's EMAHook");
  const copy = isWhole ? undefined : averagedCopy(bare);
  return copy ? pair(copy, false) : [{ set, averaged, read }];
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

/**
 * Returns the tensors whose key begins with a prefix, without it: as the file has them, or without wrappers.
 *
 * @throws CheckpointRefusal `missing` if there are none
 */
function selected(all: Tensors, bare: Entries, prefix: string, { refuse }: Checkpoint): Entries {
  const whole = prefix.endsWith('.') ? prefix : `${prefix}.`;
  for (const entries of [bare.entries, all]) {
    for (const beginning of [whole, prefix]) {
      const kept = withoutPrefix(entries, beginning);
      if (kept.size > 0) return { entries: withoutWrappers(kept).entries, notices: [] };
    }
  }
  const around = (key: string) => key.slice(0, key.indexOf(`.${whole}`) + 1);
  const outer = outermost([...new Set([...bare.entries.keys()].map(around))].filter((one) => one !== ''));
  const [only = '', ...others] = outer;
  if (others.length > 0)
    throw severalPrefixes(
      outer.map((one) => one + whole),
      refuse,
    );
  if (only !== '') {
    const notices = [`${quoted(whole)} is taken from below ${quoted(only)}.`];
    return { entries: withoutWrappers(withoutPrefix(bare.entries, only + whole)).entries, notices };
  }
  const [first = ''] = bare.entries.keys();
  throw refuse(
    'missing',
    '',
    `no key begins with ${quoted(prefix)}; the first is ${quoted(first)}`,
    'Correct the prefix.',
  );
}

type Named = Pick<StateDict, 'set' | 'averaged'>;

const setName = ({ set, averaged }: Named): string =>
  `${set ? quoted(set) : 'that of the file itself'}${averaged ? ' (averaged)' : ''}`;

/** Says which set was taken, and how to get the other. */
function choiceNotices(chosen: NamedSet, others: readonly Named[]): string[] {
  if (others.length === 0) return [];
  const names = others.map(setName).join(', ');
  const who = chosen.by ? ` ${chosen.by} saves them so.` : '';
  const other = others.some(({ averaged }) => averaged !== chosen.averaged);
  const how = chosen.averaged
    ? ' { ema: false } (--no-ema on the command line) takes the weights that are not averaged.'
    : ' { ema: true } (--ema on the command line) takes the averaged weights.';
  return [`The file has several sets of weights: ${setName(chosen)} is used, not ${names}.${who}${other ? how : ''}`];
}

/** Says why there is no set, or none of the wanted kind. */
function withoutSet({ root, refuse }: Checkpoint, sets: readonly NamedSet[], averaged: boolean): Error {
  const names = sets.map(({ set }) => (set ? quoted(set) : 'the weights themselves')).join(', ');
  if (sets.length > 0 && averaged) {
    const reason = `it has no moving average of the weights, only ${names}`;
    return refuse('missing', '', reason, 'Load it without the option ema.');
  }
  if (sets.length > 0) {
    return refuse('missing', '', `it has averaged weights only: ${names}`, 'Load it without ema: false (--no-ema).');
  }
  const entries = root instanceof Map ? [...root] : [];
  if (entries.length === 0) return refuse('not-a-checkpoint', '', 'it holds no tensor');
  for (const [key, value] of entries) {
    const isSet = [...wrappers, ...emaWrappers].some((name) => name === key);
    if (!(value instanceof PickleObject) || !isSet) continue;
    const reason = `its ${quoted(shortText(key))} is ${kindOf(value)}, not a dict of tensors`;
    return refuse(
      'unsupported',
      '',
      reason,
      'If you trust the file, load it in Python and save model.state_dict() alone.',
    );
  }
  const shown = entries
    .slice(0, 8)
    .map(([key]) => quoted(shortText(key)))
    .join(', ');
  const reason = `it has no set of weights under a known name; its names are ${shown}`;
  return refuse('not-a-checkpoint', '', reason);
}

/** Returns a dict of tensors: the value itself, or the one in another wrapper inside it. */
function weightsIn(value: PickleValue | undefined): Dict | undefined {
  if (!(value instanceof Map)) return undefined;
  if (isBare(value)) return value;
  for (const name of innerWrappers) {
    const inner = value.get(name);
    if (inner instanceof Map && isBare(inner)) return inner;
  }
  return undefined;
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
