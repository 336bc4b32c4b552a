import { listed as someOf } from '../errors.ts';
import { type CheckpointCode, quoted, type Refuse } from '../formats/context.ts';
import type { TensorEntry } from '../formats/tensors.ts';

/** Finds the one prefix that a file has in front of every key of a model: `model.` of Lightning, `student.`, `net.module.`, … */

type Tensors = ReadonlyMap<string, TensorEntry>;

/** Returns the entries whose key begins with `prefix`, without it, in their order. */
export function withoutPrefix<T>(entries: ReadonlyMap<string, T>, prefix: string): Map<string, T> {
  const kept = new Map<string, T>();
  for (const [key, value] of entries) if (key.startsWith(prefix)) kept.set(key.slice(prefix.length), value);
  return kept;
}

/** Returns the first name of a key. */
export function moduleOf(key: string): string {
  const end = key.indexOf('.');
  return end < 0 ? key : key.slice(0, end);
}

/** More prefixes than a file has models in it. */
const mostPrefixes = 24;

/**
 * Returns what stands before one of the `markers` in the keys of a file, shortest first. A marker is a key of the model that is looked for,
 * in any key layout.
 */
export function candidatePrefixes(keys: Iterable<string>, markers: Iterable<string>): string[] {
  const ends = [...markers].map((marker) => `.${marker}`);
  const found = new Set<string>();
  for (const key of keys) {
    for (const end of ends) if (key.endsWith(end)) found.add(key.slice(0, 1 - end.length));
  }
  return [...found].sort((a, b) => a.length - b.length || (a < b ? -1 : 1)).slice(0, mostPrefixes);
}

/** Drops prefixes that only add to another one: `model.backbone.` beside `model.`. */
export const outermost = (prefixes: readonly string[]): string[] =>
  prefixes.filter((prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)));

/** A set of tensors without its prefix, and what to say about it. */
export interface Unprefixed {
  readonly entries: Tensors;
  readonly notices: readonly string[];
}

/** The model whose keys are looked for. */
export interface WantedKeys {
  /** Keys of the model, in its own key layout. */
  readonly keys: ReadonlySet<string>;
  /** Keys that a file of the model has, in any key layout. */
  readonly markers: Iterable<string>;
  /** Renames a set of tensors to the model's key layout. */
  rename(entries: Tensors): Tensors;
}

/**
 * Removes the prefix that stands before every key of a model, if no key of the model is there without one. Keys outside of it are left out.
 *
 * @throws the refusal of a file that has the model's keys below several prefixes
 */
export function withoutUniformPrefix(entries: Tensors, wanted: WantedKeys, refuse: Refuse<CheckpointCode>): Unprefixed {
  const hits = (tensors: Tensors): number => {
    let count = 0;
    for (const key of wanted.rename(tensors).keys()) if (wanted.keys.has(key)) count++;
    return count;
  };
  if (hits(entries) > 0) return { entries, notices: [] };
  const rated = candidatePrefixes(entries.keys(), wanted.markers).map((prefix) => ({
    prefix,
    count: hits(withoutPrefix(entries, prefix)),
  }));
  const most = Math.max(0, ...rated.map(({ count }) => count));
  if (2 * most < wanted.keys.size || most === 0) return { entries, notices: [] };
  const [prefix = '', ...others] = outermost(rated.filter(({ count }) => count === most).map((one) => one.prefix));
  if (others.length > 0) throw severalPrefixes([prefix, ...others], refuse);
  return unprefixed(entries, prefix);
}

/** Removes a prefix, and says so. */
export function unprefixed(entries: Tensors, prefix: string): Unprefixed {
  const inner = withoutPrefix(entries, prefix);
  const outside = [...entries.keys()].filter((key) => !key.startsWith(prefix));
  const notices = [`Every key of the model begins with ${quoted(prefix)}, which is removed.`];
  if (outside.length > 0) notices.push(leftOut(outside));
  return { entries: inner, notices };
}

/** Says which keys of a file are not used. */
export function leftOut(keys: readonly string[]): string {
  return keys.length === 1
    ? `1 key of the file is not part of the model and is left out: ${listed(keys)}.`
    : `${keys.length} keys of the file are not part of the model and are left out: ${listed(keys)}.`;
}

/** Makes the refusal of a file that has a model several times. */
export function severalPrefixes(prefixes: readonly string[], refuse: Refuse<CheckpointCode>): Error {
  const ways = prefixes.map(
    (prefix) => `{ prefix: ${quoted(prefix)} } (--prefix ${quoted(prefix)} on the command line)`,
  );
  const names = prefixes.map(quoted);
  const reason = `it has the model's keys several times, below ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
  return refuse('missing', '', reason, `Choose one of them: ${ways.join(' or ')}.`);
}

const shownKeys = 4;

/** Lists the first few keys, each of them cut, and counts the others. */
export const listed = (keys: readonly string[]): string => someOf(keys.map(short), shownKeys);

const short = (key: string): string => (key.length > 96 ? `${key.slice(0, 93)}...` : key);
