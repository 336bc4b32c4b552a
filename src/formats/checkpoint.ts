import { type CheckpointContext, type CheckpointLimits, checkpointContext } from './context.ts';
import { isTuple, type PickleMade, PickleObject, type PickleValue } from './pickle_values.ts';
import { mayBeSafetensors, readSafetensors } from './safetensors.ts';
import { formatOf, isShardIndex, sniffedBytes } from './sniff.ts';
import type { Source } from './source.ts';
import type { TensorEntry } from './tensors.ts';
import { readTorchLegacy, readTorchZip } from './torch.ts';
import { checkpointGlobals, isTensor, type TorchTensor } from './torch_tensor.ts';

/** Opens checkpoints of any format, and finds tensors and values in them. */

export interface CheckpointOptions extends Partial<CheckpointLimits> {
  /** Full names of further classes whose instances are skipped as records, for example "my_project.config.Config". */
  readonly inertClasses?: readonly string[] | undefined;
}

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
  const context = checkpointContext(source.name, options);
  const { refuse } = context;
  const head = await source.read(0, Math.min(source.size, sniffedBytes));
  const { kind, name } = formatOf(head, ['zip', 'safetensors', 'pickle']);

  // a damaged safetensors file is still refused as such, if it has the name of one
  if (kind === 'safetensors' || (/\.safetensors$/i.test(source.name) && mayBeSafetensors(kind))) {
    return { ...context, format: 'safetensors', root: await safetensorsRoot(source, context), skipped: [] };
  }
  if (kind === 'text' && isShardIndex(source.name, head)) {
    const remedy = 'Give it by its path or URL, with the shards beside it.';
    throw refuse('unsupported', '', 'this is the index of a checkpoint in several files (shards)', remedy);
  }
  if (kind !== 'zip' && kind !== 'pickle') {
    throw refuse(kind === 'tar' ? 'unsupported' : 'not-a-checkpoint', '', `this is ${name}`);
  }
  const read = kind === 'zip' ? readTorchZip : readTorchLegacy;
  const root = await read(source, checkpointGlobals(options.inertClasses ?? []), context);
  if (!holdsTensor(root)) throw refuse('not-a-checkpoint', '', 'it holds no tensor');
  return { ...context, format: kind === 'zip' ? 'zip' : 'legacy', root, skipped: [] };
}

async function safetensorsRoot(source: Source, context: CheckpointContext): Promise<PickleValue> {
  const { tensors, metadata } = await readSafetensors(source, context);
  const root = new Map<PickleValue, PickleValue>();
  for (const [key, entry] of tensors) root.set(key, { made: 'tensor', entry } satisfies TorchTensor as PickleMade);
  if (Object.keys(metadata).length > 0) root.set('__metadata__', new Map(Object.entries(metadata)));
  return root;
}

function childrenOf(value: PickleValue): Iterable<readonly [PickleValue, PickleValue]> {
  if (value instanceof Map) return value;
  if (Array.isArray(value)) return value.entries();
  if (value instanceof PickleObject)
    return [...value.entries, ...value.items.entries(), ...childrenOf(value.state ?? null)];
  return [];
}

/** Tells whether there is a tensor anywhere. Each container is looked at once, so repeated references cost nothing. */
function holdsTensor(root: PickleValue): boolean {
  const seen = new Set<PickleValue>();
  const open = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (isTensor(value)) return true;
    if (typeof value !== 'object' || value === null || seen.has(value)) continue;
    seen.add(value);
    for (const [, child] of childrenOf(value)) open.push(child);
  }
  return false;
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
  const walk = (value: PickleValue, path: ValuePath) => {
    if (--budget < 0) throw refuse('limit', path.join('.'), `it holds more than ${limits.values} values`);
    if (path.length > limits.nesting) throw refuse('limit', '', `its values nest deeper than ${limits.nesting}`);
    if (isTensor(value)) found.push({ path, entry: value.entry });
    else for (const [key, child] of childrenOf(value)) walk(child, [...path, pathPart(key)]);
  };
  walk(root, []);
  return found;
}

const pathPart = (key: PickleValue): string | number => (typeof key === 'number' ? key : String(key));

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
 * state, integers beyond 2^53 as bigint. Values without a plain form (tensors, bytes, names) become `null`.
 *
 * @throws CheckpointRefusal `limit`, as `tensorsOf`
 */
export function plainValue({ limits, refuse }: Checkpoint, value: PickleValue): unknown {
  let budget = limits.values;
  const plain = (item: PickleValue, depth: number): unknown => {
    if (--budget < 0) throw refuse('limit', '', `a value holds more than ${limits.values} others`);
    if (depth > limits.nesting) throw refuse('limit', '', `a value nests deeper than ${limits.nesting}`);
    if (Array.isArray(item)) return item.map((child) => plain(child, depth + 1));
    if (item instanceof Set) return [...item].map((child) => plain(child, depth + 1));
    if (item instanceof PickleObject) return plain(recordValue(item), depth + 1);
    if (item instanceof Map) {
      const record: Record<string, unknown> = Object.create(null);
      for (const [key, child] of item) record[String(pathPart(key))] = plain(child, depth + 1);
      return record;
    }
    return typeof item === 'object' ? null : item;
  };
  return plain(value, 0);
}

function recordValue(object: PickleObject): PickleValue {
  if (object.entries.size > 0) return object.entries;
  if (object.items.length > 0) return object.items;
  if (object.state !== undefined) return isTuple(object.state) ? null : object.state;
  return null;
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
