import { exact } from './pickle.ts';
import type { DType } from './tensors.ts';

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

/** Python's own names, and the bookkeeping that training frameworks leave beside the weights. */

type Build = (args: readonly PickleValue[], context: BuildContext) => PickleValue;

const call = (build: Build): GlobalMeaning => ({ kind: 'call', build });
const inert: GlobalMeaning = { kind: 'inert' };

/** `OrderedDict()`, `OrderedDict([(key, value), …])`, and its like with other arguments before. */
function dict(args: readonly PickleValue[], context: BuildContext): PickleValue {
  const map = new Map<PickleValue, PickleValue>();
  const source = args.at(-1);
  if (source instanceof Map) for (const [key, value] of source) map.set(key, value);
  else if (isList(source)) {
    for (const pair of source) {
      if (!Array.isArray(pair) || pair.length !== 2) throw context.wrong('a dict of something else than pairs');
      if (map.has(pair[0])) throw context.wrong('a dict with a key given twice');
      map.set(pair[0], pair[1]);
    }
  } else if (args.length > 1) throw context.wrong(`a dict made of ${kindOf(source)}`);
  context.spend(16 * map.size);
  return map;
}

function sequence(args: readonly PickleValue[], context: BuildContext): PickleValue[] {
  const [source = []] = args;
  if (args.length > 1 || !(Array.isArray(source) || source instanceof Set)) {
    throw context.wrong(`a list, set or tuple made of ${kindOf(source)}`);
  }
  const values = [...source];
  context.spend(8 * values.length);
  return values;
}

/** Bytes as protocol 2 writes them: text, one character a byte. */
function encoded([text, encoding]: readonly PickleValue[], context: BuildContext): PickleValue {
  if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1')) {
    throw context.wrong(`_codecs.encode of ${kindOf(text)} as ${String(encoding)}`);
  }
  context.spend(text.length);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A NumPy scalar of a common type becomes a number; others stay records. */
function numpyScalar(args: readonly PickleValue[], context: BuildContext): PickleValue {
  const [dtype, bytes] = args;
  const record = new PickleObject('numpy.scalar', args);
  if (!(dtype instanceof PickleObject) || !(bytes instanceof Uint8Array)) return record;
  const type = dtype.args[0];
  const state = dtype.state;
  if (isTuple(state) && state[1] === '>') return record;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read: Record<string, (() => number | bigint | boolean) | undefined> = {
    f8: () => view.getFloat64(0, true),
    f4: () => view.getFloat32(0, true),
    i8: () => exact(view.getBigInt64(0, true)),
    i4: () => view.getInt32(0, true),
    i2: () => view.getInt16(0, true),
    i1: () => view.getInt8(0),
    u8: () => exact(view.getBigUint64(0, true)),
    u4: () => view.getUint32(0, true),
    u2: () => view.getUint16(0, true),
    u1: () => view.getUint8(0),
    b1: () => view.getUint8(0) !== 0,
  };
  const reader = typeof type === 'string' && Object.hasOwn(read, type) ? read[type] : undefined;
  if (!reader) return record;
  if (bytes.length !== Number((type as string).slice(1)))
    throw context.wrong('a NumPy scalar of another size than its type');
  return reader();
}

/** `copyreg._reconstructor(class, object, None)`: how protocols 0 and 1 make a plain object. */
function reconstructed([type]: readonly PickleValue[], context: BuildContext): PickleValue {
  return context.call(type ?? null, Object.freeze([]));
}

const each = (modules: string, names: string, meaning: GlobalMeaning): [string, GlobalMeaning][] =>
  modules
    .split(' ')
    .flatMap((module) => names.split(' ').map((name): [string, GlobalMeaning] => [`${module} ${name}`, meaning]));

/** Classes whose instances become records: their methods matter to nobody who reads weights. */
const inertClasses: readonly [string, GlobalMeaning][] = [
  ...each('argparse', 'Namespace', inert),
  ...each('types', 'SimpleNamespace', inert),
  ...each('collections', 'deque Counter', inert),
  ...each('datetime', 'datetime date time timedelta timezone', inert),
  ...each('decimal', 'Decimal', inert),
  ...each('uuid', 'UUID', inert),
  ...each('pathlib', 'PosixPath WindowsPath PurePosixPath PureWindowsPath Path', inert),
  ...each('pathlib._local', 'PosixPath WindowsPath PurePosixPath PureWindowsPath Path', inert),
  ...each('builtins __builtin__', 'complex slice range', inert),
  ...each('numpy', 'dtype ndarray', inert),
  ...each('numpy.core.multiarray numpy._core.multiarray', '_reconstruct', inert),
  ...each('numpy.dtypes', 'Float64DType Float32DType Float16DType Int64DType Int32DType BoolDType', inert),
  ...each('addict.addict', 'Dict', inert),
  ...each('mmcv.utils.config mmengine.config.config', 'Config ConfigDict', inert),
  ...each('mmengine.logging.history_buffer', 'HistoryBuffer', inert),
  ...each('mmengine.logging.message_hub', 'MessageHub', inert),
  ...each('yacs.config', 'CfgNode', inert),
  ...each('easydict', 'EasyDict', inert),
  ...each('omegaconf.dictconfig', 'DictConfig', inert),
  ...each('omegaconf.listconfig', 'ListConfig', inert),
  ...each('omegaconf.base', 'ContainerMetadata Metadata', inert),
  ...each('omegaconf.nodes', 'AnyNode StringNode IntegerNode FloatNode BooleanNode', inert),
  ...each('typing', 'Any', inert),
];

export const pythonGlobals: ReadonlyMap<string, GlobalMeaning> = new Map([
  ...each('collections', 'OrderedDict defaultdict', call(dict)),
  ...each('builtins __builtin__', 'dict', call(dict)),
  ...each('builtins __builtin__', 'list', call(sequence)),
  ...each(
    'builtins __builtin__',
    'tuple',
    call((args, context) => Object.freeze(sequence(args, context))),
  ),
  ...each(
    'builtins __builtin__',
    'set frozenset',
    call((args, context) => new Set(sequence(args, context))),
  ),
  ...each('builtins __builtin__', 'object int float bool str bytes', { kind: 'class' }),
  ...each('_codecs', 'encode', call(encoded)),
  ...each('copyreg copy_reg', '_reconstructor', call(reconstructed)),
  ...each('numpy.core.multiarray numpy._core.multiarray', 'scalar', call(numpyScalar)),
  ...inertClasses,
]);
