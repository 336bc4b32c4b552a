import { quoted } from './context.ts';
import { scalarReaders } from './numpy_array.ts';
import { isPlainName } from './pickle_names.ts';
import {
  type Build,
  type GlobalMeaning,
  type Globals,
  isList,
  isTuple,
  kindOf,
  type Machine,
  PickleGlobal,
  PickleObject,
  type PickleValue,
  price,
  shortText,
} from './pickle_values.ts';

/**
 * The names with a meaning that a pickle may hold, apart from PyTorch's (`torch_tensor.ts`): types of Python and NumPy.
 * `pickle_names.ts` tells what other names may be.
 */

/** Gives each of `names` in each of `modules` (both separated by spaces) a meaning. */
export type GlobalRow = readonly [modules: string, names: string, meaning: GlobalMeaning];

/** Returns the table of the rows. Its keys are `module name`, with a space: a dot would let two splits mean one name. */
export function globalsOf(rows: readonly GlobalRow[]): Map<string, GlobalMeaning> {
  const globals = new Map<string, GlobalMeaning>();
  for (const [modules, names, meaning] of rows) {
    for (const module of modules.split(' ')) {
      for (const name of names.split(' ')) globals.set(`${module} ${name}`, meaning);
    }
  }
  return globals;
}

export const calls = (build: Build): GlobalMeaning => ({ kind: 'call', build });
/** A type whose instances are records, and that is too common for a notice. */
export const inert: GlobalMeaning = { kind: 'inert', known: true };
/** A type whose instances are records that may matter to someone. */
const skipped: GlobalMeaning = { kind: 'inert', known: false };

/** `OrderedDict()` and `OrderedDict([(key, value), …])`. `defaultdict` has another argument in front. */
function dict(args: readonly PickleValue[], machine: Machine): PickleValue {
  const source = args.at(-1);
  const size = source instanceof Map ? source.size : isList(source) ? source.length : 0;
  machine.spend(price.dict + price.entry * size);
  const map = new Map<PickleValue, PickleValue>();
  if (source instanceof Map) for (const [key, value] of source) map.set(key, value);
  else if (isList(source)) {
    for (const pair of source) {
      const [key, value, ...rest]: readonly PickleValue[] = Array.isArray(pair) ? pair : [];
      if (key === undefined || value === undefined || rest.length > 0) {
        throw machine.malformed('a dict made of values that are not pairs');
      }
      if (map.has(key)) throw machine.malformed('a dict with a key given twice');
      map.set(key, value);
    }
  } else if (args.length > 1) throw machine.malformed(`a dict made of ${kindOf(source)}`);
  return map;
}

/** Returns the values that a list, set or tuple is made of, and counts the copy. */
function sequence(args: readonly PickleValue[], machine: Machine, base: number, each: number): PickleValue[] {
  const [source = []] = args;
  if (args.length > 1 || !(Array.isArray(source) || source instanceof Set)) {
    throw machine.malformed(`a list, set or tuple made of ${kindOf(source)}`);
  }
  machine.spend(base + each * (source instanceof Set ? source.size : source.length));
  return [...source];
}

const tuple = (args: readonly PickleValue[], machine: Machine): PickleValue =>
  Object.freeze(sequence(args, machine, price.tuple, price.item));
const list = (args: readonly PickleValue[], machine: Machine): PickleValue =>
  sequence(args, machine, price.list, price.item);
const set = (args: readonly PickleValue[], machine: Machine): PickleValue =>
  new Set(sequence(args, machine, price.dict, price.entry));

/** `torch.Size([…])`: a tuple. */
export const torchSize = calls(tuple);

/** `_codecs.encode(text, 'latin1')`: bytes as protocol 2 writes them, one character per byte. */
function encoded([text, encoding]: readonly PickleValue[], machine: Machine): PickleValue {
  if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1')) {
    throw machine.malformed(`_codecs.encode of ${kindOf(text)} as ${shortText(encoding ?? null)}`);
  }
  machine.spend(price.bytes + text.length);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** `bytes()`, `bytearray()`, and both of bytes or of text with its encoding. */
function bytesFrom(args: readonly PickleValue[], machine: Machine): PickleValue {
  const [source] = args;
  if (typeof source === 'string') return encoded(args, machine);
  if (source !== undefined && !(source instanceof Uint8Array)) {
    throw machine.malformed(`bytes made of ${kindOf(source)}`);
  }
  machine.spend(price.bytes);
  return source ?? new Uint8Array(0);
}

/** `type(None)` is how a pickle names the types that have no name. */
function typeOf(args: readonly PickleValue[], machine: Machine): PickleValue {
  const [value] = args;
  if (args.length !== 1 || !(value === null || value instanceof PickleGlobal)) {
    throw machine.forbidden(`it calls "builtins.type" with ${kindOf(value)}`);
  }
  return new PickleGlobal('builtins.type', { kind: 'class' });
}

/**
 * `getattr(SomeClass, 'name')`: how pickles refer to a static method or a member of an enum, and `getattr(object, 'name')`:
 * a bound method. Nothing is looked up: the result is the longer name.
 */
function attribute([owner, name]: readonly PickleValue[], machine: Machine): PickleValue {
  if (typeof name !== 'string' || !(isPlainName(name) || name === '__new__')) {
    throw machine.forbidden(`it calls "builtins.getattr" for ${quoted(shortText(name ?? null))}`);
  }
  const before = owner instanceof PickleGlobal ? owner.name : owner instanceof PickleObject ? owner.className : '';
  const full = `${before}.${name}`;
  machine.spend(price.name + full.length);
  if (full.length > 400) throw machine.overLimit(`a name of ${full.length} characters`);
  if (owner instanceof PickleObject) return new PickleObject(full, [owner]);
  if (owner instanceof PickleGlobal && (owner.meaning.kind === 'inert' || owner.meaning.kind === 'function')) {
    return new PickleGlobal(full, owner.meaning);
  }
  throw machine.forbidden(`it calls "builtins.getattr" on ${kindOf(owner)}`);
}

/** `copyreg._reconstructor(class, object, None)`: how protocols 0 and 1 make a plain object. */
function reconstructed([type = null, , state = null]: readonly PickleValue[], machine: Machine): PickleValue {
  return newObject([type, ...(state === null ? [] : [state])], machine);
}

/** `copyreg.__newobj__(class, …)`: NEWOBJ before protocol 2. */
function newObject([type = null, ...args]: readonly PickleValue[], machine: Machine): PickleValue {
  // a builder as class could call this one again, as deep as the file is long
  if (type instanceof PickleGlobal && type.meaning.kind === 'call') {
    throw machine.malformed(`an instance is made of ${kindOf(type)}`);
  }
  machine.spend(price.tuple + price.item * args.length);
  return machine.create(type, Object.freeze(args));
}

/** A NumPy scalar of a common type becomes a number; others stay records. */
function numpyScalar(args: readonly PickleValue[], machine: Machine): PickleValue {
  const [dtype, bytes] = args;
  machine.spend(price.record);
  const record = new PickleObject('numpy.scalar', args);
  if (!(dtype instanceof PickleObject) || !(bytes instanceof Uint8Array)) return record;
  const [type] = dtype.args;
  if (isTuple(dtype.state) && dtype.state[1] === '>') return record;
  const read = scalarReaders.get(type);
  if (typeof type !== 'string' || !read) return record;
  if (bytes.length !== Number(type.slice(1))) throw machine.malformed('a NumPy scalar of another size than its type');
  return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

const numpyCore = 'numpy.core.multiarray numpy._core.multiarray';

/** Types whose instances become records: a reader of weights needs none of their methods. */
const known: readonly (readonly [modules: string, names: string])[] = [
  ['argparse', 'Namespace'],
  ['types', 'SimpleNamespace MappingProxyType GenericAlias'],
  ['itertools', 'count'],
  ['collections', 'deque Counter ChainMap UserDict UserList UserString'],
  ['UserDict UserList UserString', 'IterableUserDict UserDict UserList UserString'],
  ['datetime', 'datetime date time timedelta timezone'],
  ['zoneinfo', 'ZoneInfo'],
  ['decimal', 'Decimal'],
  ['fractions', 'Fraction'],
  ['uuid', 'UUID SafeUUID'],
  ['ipaddress', 'IPv4Address IPv6Address IPv4Network IPv6Network'],
  ['pathlib pathlib._local', 'Path PosixPath WindowsPath PurePath PurePosixPath PureWindowsPath'],
  ['builtins __builtin__', 'complex slice range xrange object Ellipsis NotImplemented'],
  ['typing', 'Any Dict List Tuple Set Union Optional Callable Sequence Mapping Type'],
  ['io _io', 'BytesIO StringIO'],
  ['array', 'array _array_reconstructor'],
  ['re sre_compile', '_compile'],
  ['random', 'Random'],
  ['logging', 'getLogger'],
  ['time', 'struct_time'],
  ['string', 'Template'],
  [numpyCore, '_reconstruct'],
  ['numpy.core.numeric numpy._core.numeric', '_frombuffer'],
  ['numpy', 'dtype ndarray matrix recarray record void bool bool_ datetime64 timedelta64 str_ bytes_ object_'],
  ['numpy', 'float16 float32 float64 longdouble complex64 complex128'],
  ['numpy', 'int8 int16 int32 int64 uint8 uint16 uint32 uint64 intc uintc longlong ulonglong'],
  ['numpy.ma.core', '_mareconstruct MaskedArray'],
  ['numpy.random._pickle', '__randomstate_ctor __bit_generator_ctor __generator_ctor'],
  ['numpy.random.bit_generator', '__pyx_unpickle_SeedSequence SeedSequence'],
  ['numpy.random.mtrand', 'RandomState'],
  ['numpy.random._generator', 'Generator'],
  ['numpy.random._mt19937', 'MT19937'],
  ['numpy.random._pcg64', 'PCG64 PCG64DXSM'],
  ['numpy.random._philox', 'Philox'],
  ['numpy.random._sfc64', 'SFC64'],
  ['numpy.dtypes', 'Float64DType Float32DType Float16DType Int64DType Int32DType BoolDType'],
];

const exceptions =
  'Exception BaseException ArithmeticError AssertionError AttributeError EOFError FileNotFoundError ImportError IndexError ' +
  'KeyError KeyboardInterrupt LookupError NotImplementedError OSError OverflowError PermissionError RuntimeError ' +
  'StopIteration SystemExit TimeoutError TypeError UserWarning ValueError Warning ZeroDivisionError';

/** Functions on arrays that configurations mention, as in `functools.partial(numpy.mean, axis=0)`. None of them can be called. */
const onArrays =
  'abs absolute all any argmax argmin argsort array asarray average clip concatenate convolve cos cross cumsum diff dot exp expm1 ' +
  'eye flip full hypot interp linspace log log10 log1p log2 logspace max maximum mean median min minimum multiply nanmax nanmean ' +
  'nanmin ones percentile power prod quantile roll rot90 round sign sin sort sqrt square stack std sum tan tanh var where zeros';

/** The names of Python and NumPy. */
export const pythonGlobals: Globals = globalsOf([
  ['collections', 'OrderedDict defaultdict', calls(dict)],
  ['builtins __builtin__', 'dict', calls(dict)],
  ['builtins __builtin__', 'list', calls(list)],
  ['builtins __builtin__', 'tuple', calls(tuple)],
  ['builtins __builtin__', 'set frozenset', calls(set)],
  ['builtins __builtin__', 'bytes bytearray', calls(bytesFrom)],
  ['builtins __builtin__', 'getattr', calls(attribute)],
  ['builtins __builtin__', 'type', calls(typeOf)],
  ['builtins __builtin__', 'int float bool str long unicode', { kind: 'class' }],
  ['builtins exceptions', exceptions, inert],
  ['_codecs', 'encode', calls(encoded)],
  ['copyreg copy_reg', '_reconstructor', calls(reconstructed)],
  ['copyreg copy_reg', '__newobj__', calls(newObject)],
  ['functools _functools', 'partial', skipped],
  [numpyCore, 'scalar', calls(numpyScalar)],
  ['numpy', onArrays, { kind: 'function' }],
  ...known.map(([modules, names]): GlobalRow => [modules, names, inert]),
]);
