import {
  type Build,
  exact,
  type GlobalMeaning,
  type Globals,
  isList,
  isTuple,
  kindOf,
  type Machine,
  PickleObject,
  type PickleValue,
} from './pickle_values.ts';

/**
 * The names that a pickle may hold, apart from PyTorch's (`torch_tensor.ts`): Python's types, and the bookkeeping that
 * training frameworks leave beside the weights.
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
export const inert: GlobalMeaning = { kind: 'inert' };

/** `OrderedDict()` and `OrderedDict([(key, value), …])`. `defaultdict` has another argument in front. */
function dict(args: readonly PickleValue[], machine: Machine): PickleValue {
  const map = new Map<PickleValue, PickleValue>();
  const source = args.at(-1);
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
  machine.spend(16 * map.size);
  return map;
}

function sequence(args: readonly PickleValue[], machine: Machine): PickleValue[] {
  const [source = []] = args;
  if (args.length > 1 || !(Array.isArray(source) || source instanceof Set)) {
    throw machine.malformed(`a list, set or tuple made of ${kindOf(source)}`);
  }
  const values = [...source];
  machine.spend(8 * values.length);
  return values;
}

/** `_codecs.encode(text, 'latin1')`: bytes as protocol 2 writes them, one character per byte. */
function encoded([text, encoding]: readonly PickleValue[], machine: Machine): PickleValue {
  if (typeof text !== 'string' || (encoding !== 'latin1' && encoding !== 'latin-1')) {
    throw machine.malformed(`_codecs.encode of ${kindOf(text)} as ${String(encoding)}`);
  }
  machine.spend(text.length);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** How the bytes of a NumPy scalar are read, by its type. */
const scalarReaders = new Map<PickleValue | undefined, (view: DataView) => number | bigint | boolean>([
  ['f8', (view) => view.getFloat64(0, true)],
  ['f4', (view) => view.getFloat32(0, true)],
  ['i8', (view) => exact(view.getBigInt64(0, true))],
  ['i4', (view) => view.getInt32(0, true)],
  ['i2', (view) => view.getInt16(0, true)],
  ['i1', (view) => view.getInt8(0)],
  ['u8', (view) => exact(view.getBigUint64(0, true))],
  ['u4', (view) => view.getUint32(0, true)],
  ['u2', (view) => view.getUint16(0, true)],
  ['u1', (view) => view.getUint8(0)],
  ['b1', (view) => view.getUint8(0) !== 0],
]);

/** A NumPy scalar of a common type becomes a number; others stay records. */
function numpyScalar(args: readonly PickleValue[], machine: Machine): PickleValue {
  const [dtype, bytes] = args;
  const record = new PickleObject('numpy.scalar', args);
  if (!(dtype instanceof PickleObject) || !(bytes instanceof Uint8Array)) return record;
  const [type] = dtype.args;
  if (isTuple(dtype.state) && dtype.state[1] === '>') return record;
  const read = scalarReaders.get(type);
  if (typeof type !== 'string' || !read) return record;
  if (bytes.length !== Number(type.slice(1))) throw machine.malformed('a NumPy scalar of another size than its type');
  return read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
}

/** `copyreg._reconstructor(class, object, None)`: how protocols 0 and 1 make a plain object. */
function reconstructed([type = null]: readonly PickleValue[], machine: Machine): PickleValue {
  return machine.call(type, Object.freeze([]));
}

/** Classes whose instances become records: a reader of weights needs none of their methods. */
const ballast: readonly (readonly [modules: string, names: string])[] = [
  ['argparse', 'Namespace'],
  ['types', 'SimpleNamespace'],
  ['collections', 'deque Counter'],
  ['datetime', 'datetime date time timedelta timezone'],
  ['decimal', 'Decimal'],
  ['uuid', 'UUID'],
  ['pathlib pathlib._local', 'PosixPath WindowsPath PurePosixPath PureWindowsPath Path'],
  ['builtins __builtin__', 'complex slice range'],
  ['typing', 'Any'],
  ['numpy', 'dtype ndarray'],
  ['numpy.core.multiarray numpy._core.multiarray', '_reconstruct'],
  ['numpy.dtypes', 'Float64DType Float32DType Float16DType Int64DType Int32DType BoolDType'],
  ['addict.addict', 'Dict'],
  ['mmcv.utils.config mmengine.config.config', 'Config ConfigDict'],
  ['mmengine.logging.history_buffer', 'HistoryBuffer'],
  ['mmengine.logging.message_hub', 'MessageHub'],
  ['yacs.config', 'CfgNode'],
  ['easydict', 'EasyDict'],
  ['omegaconf.dictconfig', 'DictConfig'],
  ['omegaconf.listconfig', 'ListConfig'],
  ['omegaconf.base', 'ContainerMetadata Metadata'],
  ['omegaconf.nodes', 'AnyNode StringNode IntegerNode FloatNode BooleanNode'],
];

/** The names of Python, NumPy and training frameworks. */
export const pythonGlobals: Globals = globalsOf([
  ['collections', 'OrderedDict defaultdict', calls(dict)],
  ['builtins __builtin__', 'dict', calls(dict)],
  ['builtins __builtin__', 'list', calls(sequence)],
  ['builtins __builtin__', 'tuple', calls((args, machine) => Object.freeze(sequence(args, machine)))],
  ['builtins __builtin__', 'set frozenset', calls((args, machine) => new Set(sequence(args, machine)))],
  ['builtins __builtin__', 'object int float bool str bytes', { kind: 'class' }],
  ['_codecs', 'encode', calls(encoded)],
  ['copyreg copy_reg', '_reconstructor', calls(reconstructed)],
  ['numpy.core.multiarray numpy._core.multiarray', 'scalar', calls(numpyScalar)],
  ...ballast.map(([modules, names]): GlobalRow => [modules, names, inert]),
]);
