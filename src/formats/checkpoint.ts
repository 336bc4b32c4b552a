import { type CheckpointLimits, limitsFrom, type RefuseCheckpoint, refuserOf } from './context.ts';
import { isTuple, type PickleMade, PickleObject, type PickleValue } from './pickle_values.ts';
import { openSafetensors } from './safetensors.ts';
import { checkpointFormatOf, describeForeign, type Format, firstLine } from './sniff.ts';
import type { Source } from './source.ts';
import type { TensorEntry } from './tensors.ts';
import { readTorchLegacy, readTorchZip } from './torch.ts';
import { isTensor, type TorchTensor } from './torch_tensor.ts';

export interface CheckpointOptions extends Partial<CheckpointLimits> {
  /** Full names of further classes whose instances are skipped as records, for example "my_project.config.Config". */
  readonly inertClasses?: readonly string[];
}

/** Where something stands: dict keys and list positions from the root object. */
export type ValuePath = readonly (string | number)[];

export interface LocatedTensor {
  readonly path: ValuePath;
  readonly entry: TensorEntry;
}

/** An opened checkpoint of any format. Nothing but its structure is in memory. */
export interface Checkpoint {
  /** What messages call the file. */
  readonly name: string;
  readonly format: Format;
  /** The object in the file. Of a safetensors file: its tensors by name, and `__metadata__`. */
  readonly root: PickleValue;
  readonly limits: CheckpointLimits;
  readonly refuse: RefuseCheckpoint;
}

/**
 * Opens a PyTorch (zip or legacy) or safetensors file; the content decides which, not the name. Its structure is read
 * and checked, no tensor is.
 *
 * @throws CheckpointRefusal with code, place, reason and remedy for every file that is not one of these to the letter.
 */
export async function openCheckpoint(source: Source, options: CheckpointOptions = {}): Promise<Checkpoint> {
  const { inertClasses = [], ...rest } = options;
  const limits = limitsFrom(rest);
  const refuse = refuserOf(source.name);
  const named = { name: source.name, limits, refuse };
  const head = await source.read(0, Math.min(source.size, 512));
  const format =
    checkpointFormatOf(head) ??
    (/\.safetensors$/i.test(source.name) && !describeForeign(head) ? 'safetensors' : undefined);
  if (format === undefined) throw unknownFormat(head, refuse);
  if (format === 'safetensors') {
    const { tensors, metadata } = await openSafetensors(source, limits);
    const root = new Map<PickleValue, PickleValue>();
    for (const [key, entry] of tensors) root.set(key, { made: 'tensor', entry } satisfies TorchTensor as PickleMade);
    if (Object.keys(metadata).length > 0) root.set('__metadata__', new Map(Object.entries(metadata)));
    return { ...named, format, root };
  }
  const read = format === 'zip' ? readTorchZip : readTorchLegacy;
  const root = await read(source, limits, inertClasses, refuse);
  if (!holdsTensor(root)) throw refuse('not-a-checkpoint', '', 'it holds no tensor');
  return { ...named, format, root };
}

function unknownFormat(head: Uint8Array, refuse: RefuseCheckpoint) {
  const foreign = describeForeign(head);
  if (foreign)
    return refuse(foreign === 'a tar archive' ? 'unsupported' : 'not-a-checkpoint', '', `this is ${foreign}`);
  const text = firstLine(head);
  return refuse(
    'not-a-checkpoint',
    '',
    text ? `this is text that begins ${JSON.stringify(text)}` : 'its first bytes are of no known format',
  );
}

function childrenOf(value: PickleValue): Iterable<readonly [PickleValue, PickleValue]> {
  if (value instanceof Map) return value;
  if (Array.isArray(value)) return value.entries();
  if (value instanceof PickleObject)
    return [...value.entries, ...value.items.entries(), ...childrenOf(value.state ?? null)];
  return [];
}

/** Looks at each container once, so that references that repeat each other cost nothing. */
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
 * Every tensor of a file by its path from the root, in the file's order. A tensor that is referred to twice is listed
 * twice.
 *
 * @throws CheckpointRefusal `limit` where the values nest too deep, contain themselves or repeat too often.
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

/** The value at a path; `undefined` where there is none. */
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
 * A value as plain data: dicts as objects without a prototype, tuples and sets as arrays, records as their state,
 * integers beyond 2^53 as bigint. What has no plain form (tensors, bytes, names) becomes `null`.
 *
 * @throws CheckpointRefusal `limit`, as `tensorsOf`.
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

/** What mmcv and its kin note beside the weights (`meta`), or a safetensors file's metadata; `undefined` without any. */
export function metaOf(checkpoint: Checkpoint): Readonly<Record<string, unknown>> | undefined {
  const { root } = checkpoint;
  const meta =
    root instanceof Map ? root.get(checkpoint.format === 'safetensors' ? '__metadata__' : 'meta') : undefined;
  return meta instanceof Map ? (plainValue(checkpoint, meta) as Record<string, unknown>) : undefined;
}
