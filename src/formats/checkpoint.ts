import { type CheckpointContext, type CheckpointLimits, checkpointContext, quoted } from './context.ts';
import { numbersOf } from './numpy_array.ts';
import {
  isTensor,
  isTuple,
  kindOf,
  type PickleMade,
  PickleObject,
  type PickleValue,
  shortText,
  type TorchTensor,
} from './pickle_values.ts';
import { mayBeSafetensors, readSafetensors } from './safetensors.ts';
import { formatOf, isShardIndex, sniffedBytes } from './sniff.ts';
import { checkSource, type Source } from './source.ts';
import type { TensorEntry } from './tensors.ts';

/** Opens checkpoints of any format, and finds tensors and values in them. */

/** Limits that differ from the default ones. */
export type CheckpointOptions = Partial<CheckpointLimits>;

/** Dict keys and list positions, from the root object to a value. */
export type ValuePath = readonly (string | number)[];

/** A tensor of a checkpoint, and the path to it. */
export interface LocatedTensor {
  readonly path: ValuePath;
  readonly entry: TensorEntry;
}

/** An opened checkpoint of any format. Nothing but its structure is in memory. */
export interface Checkpoint extends CheckpointContext {
  readonly format: 'zip' | 'legacy' | 'safetensors';
  /** The object in the file. For a safetensors file: its tensors by name, and `__metadata__`. */
  readonly root: PickleValue;
  /** Classes whose instances are kept as records, of which nothing is read: full names, sorted. At most a few dozen are listed. */
  readonly skipped: readonly string[];
}

/**
 * Opens a PyTorch (zip or legacy) or safetensors file. The content decides which, not the name. The structure is read
 * and checked; tensors are read when asked for.
 *
 * @throws CheckpointRefusal with code, place, reason and remedy for every file that breaks the rules of these formats
 */
export async function openCheckpoint(source: Source, options: CheckpointOptions = {}): Promise<Checkpoint> {
  checkSource(source, 'openCheckpoint');
  const context = checkpointContext(source.name, options);
  const { refuse } = context;
  const head = await source.read(0, Math.min(source.size, sniffedBytes));
  const { kind, name } = formatOf(head, ['zip', 'safetensors', 'pickle']);

  // a damaged safetensors file is still refused as such, if it has the name of one
  if (kind === 'safetensors' || (/\.safetensors$/i.test(source.name) && mayBeSafetensors(kind, head))) {
    return { ...context, format: 'safetensors', root: await safetensorsRoot(source, context), skipped: [] };
  }
  if (kind === 'text' && isShardIndex(source.name, head)) {
    const remedy = 'Give it by its path or URL, with the shards beside it.';
    throw refuse('unsupported', '', 'this is the index of a checkpoint in several files (shards)', remedy);
  }
  if (kind !== 'zip' && kind !== 'pickle') {
    throw refuse(kind === 'tar' ? 'unsupported' : 'not-a-checkpoint', '', `this is ${name}`);
  }
  const { readTorchLegacy, readTorchZip } = await import('./torch.ts'); // a page with safetensors needs none of it
  const read = kind === 'zip' ? readTorchZip : readTorchLegacy;
  const { object, skipped } = await read(source, context);
  checkTensors(object, skipped, context);
  return { ...context, format: kind === 'zip' ? 'zip' : 'legacy', root: object, skipped: listed(skipped) };
}

/** Sorts names for messages, without control characters, and cuts a long list. */
function listed(names: ReadonlySet<string>): readonly string[] {
  const sorted = [...names].sort().map((name) => quoted(name).slice(1, -1));
  const few = sorted.slice(0, mostSkipped);
  return few.length < sorted.length ? [...few, `${sorted.length - few.length} more`] : few;
}

const mostSkipped = 24;

async function safetensorsRoot(source: Source, context: CheckpointContext): Promise<PickleValue> {
  const { tensors, metadata, aliases } = await readSafetensors(source, context);
  const root = new Map<PickleValue, PickleValue>();
  for (const [key, entry] of tensors) root.set(key, { made: 'tensor', entry } satisfies TorchTensor as PickleMade);
  for (const [removed, kept] of aliases) root.set(removed, root.get(kept)!);
  if (Object.keys(metadata).length > 0) root.set('__metadata__', new Map(Object.entries(metadata)));
  return root;
}

/** Keys and values of a container. A record has none: what a class keeps in its instances is its own affair. */
function childrenOf(value: PickleValue): Iterable<readonly [PickleValue, PickleValue]> {
  if (value instanceof Map) return value;
  if (Array.isArray(value)) return value.entries();
  return [];
}

/** Returns how many values a container has. */
function sizeOf(value: PickleValue): number {
  if (value instanceof Map) return value.size;
  return Array.isArray(value) ? value.length : 0;
}

/** Looks at each container once, so repeated references cost nothing, until `found` is true of a value. */
function someValue(root: PickleValue, found: (value: PickleValue) => boolean): boolean {
  const seen = new Set<PickleValue>();
  const open = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (found(value)) return true;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const [, child] of childrenOf(value)) open.push(child);
  }
  return false;
}

/** Refuses a file without a tensor, and one whose tensors are all in objects of classes: a whole module. */
function checkTensors(root: PickleValue, skipped: ReadonlySet<string>, { refuse }: CheckpointContext): void {
  if (someValue(root, isTensor)) return;
  if (skipped.size === 0 || !someValue(root, (value) => value instanceof PickleObject)) {
    throw refuse('not-a-checkpoint', '', 'it holds no tensor');
  }
  const what = root instanceof PickleObject ? `is ${kindOf(root)}` : `has objects of ${listed(skipped).join(', ')}`;
  const reason = `it ${what} and no tensor outside (a whole module saved by torch.save(model))`;
  throw refuse(
    'unsupported',
    '',
    reason,
    'If you trust the file, load it in Python and save model.state_dict() alone.',
  );
}

/**
 * Lists every tensor of a file by its path from the root, in the file's order. A tensor that is referred to twice is
 * listed twice.
 *
 * @throws CheckpointRefusal `limit` if the values nest too deep, contain themselves or repeat too often
 */
export function tensorsOf({ root, limits, refuse }: Checkpoint): readonly LocatedTensor[] {
  const found: LocatedTensor[] = [];
  let budget = limits.values;
  const open: Place[] = [{ value: root, depth: 0 }];
  for (let place = open.pop(); place; place = open.pop()) {
    const { value, depth } = place;
    if (--budget < 0) throw refuse('limit', '', `it holds more than ${limits.values} values`);
    if (depth > limits.nesting) throw refuse('limit', '', `its values nest deeper than ${limits.nesting}`);
    if (isTensor(value)) {
      found.push({ path: pathOf(place), entry: value.entry });
      continue;
    }
    if (sizeOf(value) > budget) throw refuse('limit', '', `it holds more than ${limits.values} values`);
    const first = open.length;
    for (const [key, child] of childrenOf(value)) open.push({ value: child, depth: depth + 1, key, parent: place });
    // the first child is to be taken next
    for (let low = first, high = open.length - 1; low < high; low++, high--) {
      [open[low], open[high]] = [open[high]!, open[low]!];
    }
  }
  return found;
}

/** A value on the way through a file. */
interface Place {
  readonly value: PickleValue;
  readonly depth: number;
  /** Undefined for the root. */
  readonly key?: PickleValue;
  readonly parent?: Place;
}

function pathOf(place: Place): ValuePath {
  const path: (string | number)[] = [];
  for (let at: Place | undefined = place; at?.parent; at = at.parent) path.push(pathPart(at.key ?? null));
  return path.reverse();
}

/** A key in a path. Keys of weights are strings; others, beside the weights, become a short text. */
const pathPart = (key: PickleValue): string | number =>
  typeof key === 'number' || typeof key === 'string' ? key : shortText(key);

/** Returns the value at a path; `undefined` if there is none. */
export function valueAt({ root }: Checkpoint, path: ValuePath): PickleValue | undefined {
  let value: PickleValue | undefined = root;
  for (const part of path) {
    let child: PickleValue | undefined;
    if (value instanceof Map) child = value.get(part);
    else if (Array.isArray(value)) child = typeof part === 'number' ? value[part] : undefined;
    else if (value instanceof PickleObject && value.state instanceof Map) child = value.state.get(part);
    value = child;
  }
  return value;
}

/**
 * Returns a value as plain data: dicts as objects without a prototype, tuples and sets as arrays, records as their
 * state, small arrays of NumPy as lists, integers beyond 2^53 as bigint. Values without a plain form (tensors, bytes, names) become `null`. A key that
 * is neither text nor a number becomes a short text; of two keys with the same text the last one counts.
 *
 * @throws CheckpointRefusal `limit`, as `tensorsOf`
 */
export function plainValue({ limits, refuse }: Checkpoint, value: PickleValue): unknown {
  const result: unknown[] = [];
  let budget = limits.values;
  const open: Unfilled[] = [{ item: value, depth: 0, into: result, at: 0 }];
  for (let next = open.pop(); next; next = open.pop()) {
    const { depth, into, at } = next;
    if (--budget < 0) throw refuse('limit', '', `a value holds more than ${limits.values} others`);
    if (depth > limits.nesting) throw refuse('limit', '', `a value nests deeper than ${limits.nesting}`);
    let item = next.item;
    if (item instanceof PickleObject) {
      open.push({ item: recordValue(item), depth: depth + 1, into, at });
      continue;
    }
    if (item instanceof Set) item = [...item];
    const isArray = Array.isArray(item);
    if (!isArray && !(item instanceof Map)) {
      Reflect.set(into, at, typeof item === 'object' ? null : item);
      continue;
    }
    if (sizeOf(item) > budget) throw refuse('limit', '', `a value holds more than ${limits.values} others`);
    const made: object = isArray ? [] : Object.create(null);
    Reflect.set(into, at, made);
    for (const [key, child] of childrenOf(item)) {
      const part = pathPart(key);
      Reflect.set(made, part, null); // keeps the order, whichever is filled first
      open.push({ item: child, depth: depth + 1, into: made, at: part });
    }
  }
  return result[0];
}

/** A value whose plain form is to be set in `into`. */
interface Unfilled {
  readonly item: PickleValue;
  readonly depth: number;
  readonly into: object;
  readonly at: string | number;
}

function recordValue(record: PickleObject): PickleValue {
  const { entries, items, state = null } = record;
  if (entries?.size) return entries;
  if (items?.length) return items;
  return isTuple(state) ? (numbersOf(record) ?? null) : state;
}

/**
 * Returns the notes beside the weights: the `meta` of mmcv and similar frameworks, or the metadata of a safetensors
 * file. `undefined` if there are none.
 */
export function metaOf(checkpoint: Checkpoint): Readonly<Record<string, unknown>> | undefined {
  const { format, root } = checkpoint;
  const meta = root instanceof Map ? root.get(format === 'safetensors' ? '__metadata__' : 'meta') : undefined;
  return meta instanceof Map ? (plainValue(checkpoint, meta) as Record<string, unknown>) : undefined;
}
