import type { DType } from './dtypes.ts';

/**
 * What a pickle holds, as data. A list is an array, a tuple a frozen array, a dict (of any kind) a Map, a set a Set;
 * an int is a number where that is exact and a bigint otherwise. Names never become properties of an object.
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

/** A class or function that the pickle names: a word, never looked up. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly meaning: GlobalMeaning,
  ) {}
}

/** An instance of a class that is kept as a record of what was said about it. */
export class PickleObject {
  state: PickleValue | undefined;
  /** What SETITEM or APPEND put into it: classes may derive from dict and list. */
  readonly entries = new Map<PickleValue, PickleValue>();
  readonly items: PickleValue[] = [];
  constructor(
    readonly className: string,
    readonly args: readonly PickleValue[],
  ) {}
}

/** Made by a builder outside the pickle itself: a storage or a tensor. */
export interface PickleMade {
  readonly made: string;
}

/** What a reader knows about a global name; every other name is refused. */
export type GlobalMeaning =
  /** Applied to arguments it gives data. */
  | { readonly kind: 'call'; readonly build: (args: readonly PickleValue[], context: BuildContext) => PickleValue }
  /** Instances become records. */
  | { readonly kind: 'inert' }
  /** Names an element type: a storage class (`dtype` undefined: untyped bytes), or a `torch.dtype`. */
  | { readonly kind: 'storage' | 'dtype'; readonly dtype: DType | undefined }
  /** A class that only stands as an argument of a builder. */
  | { readonly kind: 'class' }
  /** Exists in PyTorch and is not read: `what` says what it would have been. */
  | { readonly kind: 'refused'; readonly what: string };

export interface BuildContext {
  /** An error at the current operation. */
  wrong(reason: string): Error;
  unsupported(reason: string): Error;
  limit(reason: string): Error;
  /** Counts bytes that a builder makes, since a memo lets it repeat cheaply. */
  spend(bytes: number): void;
  /** Applies a global, as REDUCE does. */
  call(callee: PickleValue, args: readonly PickleValue[]): PickleValue;
}

export function isTuple(value: PickleValue | undefined): value is readonly PickleValue[] {
  return Array.isArray(value) && Object.isFrozen(value);
}

export function isList(value: PickleValue | undefined): value is PickleValue[] {
  return Array.isArray(value) && !Object.isFrozen(value);
}

/** A phrase for messages. */
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
