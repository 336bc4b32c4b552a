import type { TensorEntry } from '../formats/tensors.ts';
import { withoutPrefix } from './prefix.ts';

/** What training code adds to the keys of a model: wrappers, and averaged copies beside the weights. */

export type Tensors = ReadonlyMap<string, TensorEntry>;

/** Tensors, and sentences for the user about them. */
export interface Entries {
  readonly entries: Tensors;
  readonly notices: readonly string[];
}

/** Prefixes that data parallelism and compilation put before every key. */
const wrapperPrefixes = ['module.', '_orig_mod.'];
/** Names that compilation, sharding and recomputation put inside keys, at the modules that they wrap. */
const innerWrappers = /(^|\.)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\./g;
/** Counters that averaged models keep beside the model that they wrap: torch's `AveragedModel`, and mmengine's. */
const counters: readonly string[] = ['n_averaged', 'steps'];

/** Removes the prefixes of wrappers that every key has, one after the other, the counters of averaged models beside them, and inner wrappers. */
export function withoutWrappers(entries: Tensors): Entries {
  const keys = [...entries].filter(([key, { shape }]) => !isCounter(key, shape)).map(([key]) => key);
  const prefix = wrapperPrefixes.find((one) => keys.length > 0 && keys.every((key) => key.startsWith(one)));
  if (!prefix) return withoutInnerWrappers(entries);
  const inner = withoutWrappers(withoutPrefix(entries, prefix));
  return { ...inner, notices: [`Every key begins with "${prefix}", which is removed.`, ...inner.notices] };
}

const isCounter = (key: string, shape: readonly number[]): boolean =>
  counters.includes(key) && shape.every((extent) => extent === 1);

function withoutInnerWrappers(entries: Tensors): Entries {
  const found = new Set<string>();
  const inner = new Map<string, TensorEntry>();
  for (const [key, entry] of entries) {
    for (const [match] of key.matchAll(innerWrappers)) found.add(match.replace(/^\./, ''));
    inner.set(key.replace(innerWrappers, '$1'), entry);
  }
  if (found.size === 0 || inner.size < entries.size) return { entries, notices: [] };
  const names = [...found].map((name) => `"${name}"`).join(', ');
  return { entries: inner, notices: [`Names of wrappers inside the keys are removed: ${names}.`] };
}

/** Weights and their averaged copy. */
export interface Split {
  readonly plain: Tensors;
  readonly averaged: Tensors;
  /** The name of the second set in messages. */
  readonly set: string;
}

/**
 * Splits the tensors of mmcv 1.x's EMAHook (and mmdet 2.x's): beside each parameter it registers a buffer, `ema_` and the parameter's
 * key with underscores for dots. Undefined if there are none.
 */
export function averageBuffers(entries: Tensors): Split | undefined {
  const bufferOf = (key: string) => `ema_${key.replaceAll('.', '_')}`;
  const buffers = new Set([...entries.keys()].map(bufferOf).filter((name) => entries.has(name)));
  if (buffers.size === 0) return undefined;
  const plain = new Map([...entries].filter(([key]) => !buffers.has(key)));
  const averaged = new Map([...plain].map(([key, entry]) => [key, entries.get(bufferOf(key)) ?? entry]));
  return { plain, averaged, set: 'ema_*' };
}

/** Names under which a module keeps an averaged copy of another one. */
const copyPrefix = /^(?:ema|ema_model|model_ema|ema_net|net_ema|swa_model|averaged_model|average_model)\./;

/**
 * Splits the tensors of a module that has its model and an averaged copy of it (`model.…` and `ema_model.…`). Undefined if there is none,
 * or if it has other keys than the rest.
 */
export function averagedCopy(entries: Tensors): Split | undefined {
  const prefix = [...entries.keys()].map((key) => copyPrefix.exec(key)?.[0]).find((found) => found !== undefined);
  if (prefix === undefined) return undefined;
  const averaged = withoutWrappers(withoutPrefix(entries, prefix)).entries;
  const plain = new Map([...entries].filter(([key]) => !key.startsWith(prefix)));
  const ends = new Set([...plain.keys()].flatMap(endsOf));
  const shared = [...averaged.keys()].filter((key) => ends.has(key)).length;
  return 2 * shared > averaged.size ? { plain, averaged, set: `${prefix}*` } : undefined;
}

/** Deepest prefix of a model that has a copy. */
const deepest = 4;

/** Returns a key, and what remains of it without its first names. */
function endsOf(key: string): string[] {
  const ends = [key];
  for (let at = key.indexOf('.'); at >= 0 && ends.length <= deepest; at = key.indexOf('.', at + 1)) {
    ends.push(key.slice(at + 1));
  }
  return ends;
}
