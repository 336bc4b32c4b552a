import { shortened } from '../errors.ts';
import type { CheckpointCode, CheckpointLimits, Refuse } from './context.ts';
import type { DType, TensorEntry } from './tensors.ts';

/**
 * The content of a pickle, as data. A list is an array, a tuple a frozen array, a dict (of any kind) a Map, a set a Set.
 * An int is a number if that is exact, else a bigint. Names never become properties of an object.
 */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly PickleValue[]
  | Map<PickleValue, PickleValue>
  | Set<PickleValue>
  | PickleGlobal
  | PickleObject
  | PickleMade;

/** A class or function that the pickle names: a word with a meaning from a table, never looked up as code. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly meaning: GlobalMeaning,
  ) {}
}

/** An instance of a class, kept as a record of what the pickle says about it. */
export class PickleObject {
  state: PickleValue | undefined;
  /** Set by SETITEM and APPEND: classes may derive from dict and list. */
  entries: Map<PickleValue, PickleValue> | undefined;
  items: PickleValue[] | undefined;
  constructor(
    readonly className: string,
    readonly args: readonly PickleValue[],
  ) {}
}

/** A value that is made by a builder of the file format: a storage or a tensor. */
export interface PickleMade {
  readonly made: string;
}

/** A tensor as PyTorch stores it. */
export interface TorchTensor extends PickleMade {
  readonly made: 'tensor';
  readonly entry: TensorEntry;
}

export const isMade = (value: PickleValue | undefined, made: string): boolean =>
  typeof value === 'object' && value !== null && 'made' in value && value.made === made;

export const isTensor = (value: PickleValue | undefined): value is TorchTensor => isMade(value, 'tensor');

/** The meaning of a global name. A name without one is refused. */
export type GlobalMeaning =
  /** A call returns data. */
  | { readonly kind: 'call'; readonly build: Build }
  /** Instances become records. `known`: a type of Python, NumPy or PyTorch that many files have. */
  | { readonly kind: 'inert'; readonly known: boolean }
  /** A function, or a class that has the name of one: it may be mentioned, and instances made without a call are records. */
  | { readonly kind: 'function' }
  /** An element type: a storage class (`dtype` undefined: untyped bytes), or a `torch.dtype` (undefined: not read). */
  | { readonly kind: 'storage' | 'dtype'; readonly dtype: DType | undefined }
  /** A class that may only be an argument of a builder. */
  | { readonly kind: 'class' }
  /** A part of PyTorch that is not read; `what` describes it in messages. */
  | { readonly kind: 'refused'; readonly what: string };

/** Makes a value of the arguments of a call. */
export type Build = (args: readonly PickleValue[], machine: Machine) => PickleValue;

/** The part of the pickle machine that builders use. */
export interface Machine {
  readonly limits: CheckpointLimits;
  /** For faults that show only when a value is read. */
  readonly refuse: Refuse<CheckpointCode>;
  /** An error at the current operation. */
  malformed(reason: string): Error;
  unsupported(reason: string): Error;
  overLimit(reason: string): Error;
  forbidden(reason: string): Error;
  /** Counts bytes that a builder makes, since a few bytes of a pickle may ask for many. */
  spend(bytes: number): void;
  /** Applies a global, as REDUCE does. */
  call(callee: PickleValue, args: PickleValue): PickleValue;
  /** Makes an instance of a class, as NEWOBJ does. */
  create(callee: PickleValue, args: PickleValue): PickleValue;
}

/** What values take in memory, in bytes. Containers cost their base and `item` or `entry` for each value in them. */
export const price = {
  /** A place on the stack, which grows by half each time. */
  slot: 24,
  /** A place in a list or tuple. */
  item: 8,
  /** An entry of a dict or set. */
  entry: 48,
  memo: 48,
  number: 16,
  /** Beside its characters. */
  text: 32,
  /** Beside its bytes, which stay in the pickle. */
  bytes: 128,
  tuple: 64,
  list: 200,
  dict: 200,
  record: 96,
  name: 200,
  /** A name that was given before: it takes time only. Pickles remember their names. */
  again: 100,
  storage: 200,
  tensor: 400,
} as const;

/** Meanings by `module name`. */
export type Globals = ReadonlyMap<string, GlobalMeaning>;

export function isTuple(value: PickleValue | undefined): value is readonly PickleValue[] {
  return Array.isArray(value) && Object.isFrozen(value);
}

export function isList(value: PickleValue | undefined): value is PickleValue[] {
  return Array.isArray(value) && !Object.isFrozen(value);
}

/** Returns a phrase for messages: `a tuple`, `the name os.system`. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (Array.isArray(value)) return isTuple(value) ? 'a tuple' : 'a list';
  if (value instanceof Map) return 'a dict';
  if (value instanceof Set) return 'a set';
  if (value instanceof Uint8Array) return 'bytes';
  if (value instanceof PickleGlobal) return `the name ${shortened(value.name)}`;
  if (value instanceof PickleObject) return `an object of ${shortened(value.className)}`;
  if (typeof value === 'object') return `a ${(value as PickleMade).made}`;
  return { boolean: 'a bool', number: 'a number', bigint: 'an int', string: 'a string' }[typeof value as 'string'];
}

/**
 * Returns a text of any value that is short whatever the file holds: the beginning of a long text, and of a container
 * what it is. Tuples, which may be keys of dicts, show their first items.
 */
export function shortText(value: PickleValue, depth = 1): string {
  if (typeof value !== 'object' || value === null) return shortened(String(value));
  if (!isTuple(value) || depth === 0) return kindOf(value);
  const first = value.slice(0, 6).map((item) => shortText(item, depth - 1));
  return shortened(`(${[...first, ...(value.length > first.length ? ['…'] : [])].join(', ')})`);
}

/** Returns a number if that is exact, else the bigint. */
export function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
