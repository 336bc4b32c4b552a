import type { CheckpointLimits } from './context.ts';
import type { DType } from './tensors.ts';

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
  readonly entries = new Map<PickleValue, PickleValue>();
  readonly items: PickleValue[] = [];
  constructor(
    readonly className: string,
    readonly args: readonly PickleValue[],
  ) {}
}

/** A value that is made by a builder of the file format: a storage or a tensor. */
export interface PickleMade {
  readonly made: string;
}

/** The meaning of a global name. A name without one is refused. */
export type GlobalMeaning =
  /** A call returns data. */
  | { readonly kind: 'call'; readonly build: Build }
  /** Instances become records. */
  | { readonly kind: 'inert' }
  /** An element type: a storage class (`dtype` undefined: untyped bytes), or a `torch.dtype`. */
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
  /** An error at the current operation. */
  malformed(reason: string): Error;
  unsupported(reason: string): Error;
  overLimit(reason: string): Error;
  /** Counts bytes that a builder makes, since a memo lets it repeat cheaply. */
  spend(bytes: number): void;
  /** Applies a global, as REDUCE does. */
  call(callee: PickleValue, args: PickleValue): PickleValue;
}

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
  if (value instanceof PickleGlobal) return `the name ${value.name}`;
  if (value instanceof PickleObject) return `an object of ${value.className}`;
  if (typeof value === 'object') return `a ${(value as PickleMade).made}`;
  return { boolean: 'a bool', number: 'a number', bigint: 'an int', string: 'a string' }[typeof value as 'string'];
}

/** Returns a number if that is exact, else the bigint. */
export function exact(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
