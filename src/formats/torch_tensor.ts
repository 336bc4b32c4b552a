import { type Shape, sizeOf } from '../arrays.ts';
import { calls, type GlobalRow, globalsOf, inert, pythonGlobals, torchSize } from './pickle_globals.ts';
import {
  type Build,
  type GlobalMeaning,
  type Globals,
  isMade,
  isTensor,
  isTuple,
  kindOf,
  type Machine,
  PickleGlobal,
  type PickleMade,
  PickleObject,
  type PickleValue,
  price,
  type TorchTensor,
} from './pickle_values.ts';
import type { Region } from './source.ts';
import { type DType, dtypeFacts, dtypeNames, type ElementSource, tensorEntry, unreadTorchDTypes } from './tensors.ts';

/**
 * Makes tensors as PyTorch stores them: strided views of storages. The table of PyTorch's names at the end says what a
 * pickle may hold, and what is refused by name.
 */

/** A view of a storage, in elements. */
interface View {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Tells whether the elements of a view follow each other in C order. Extents of 1 may have any stride. */
function isContiguous({ shape, strides }: View): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 0) return true;
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/**
 * Tells whether a view touches its storage in one direction if its axes are ordered by stride: the elements of one step
 * of an axis end before the next step begins. Steps of stride 0 repeat elements.
 */
function isNested({ shape, strides }: View): boolean {
  const axes = shape
    .map((extent, axis) => ({ extent, stride: strides[axis] ?? 0 }))
    .filter(({ extent, stride }) => extent > 1 && stride > 0)
    .sort((a, b) => a.stride - b.stride);
  let span = 1;
  for (const { extent, stride } of axes) {
    if (stride < span) return false;
    span += (extent - 1) * stride;
  }
  return true;
}

/** Returns the elements of a view. `swap`: the storage is big-endian. */
function viewElements(region: () => Region, view: View, elementBytes: number, swap: boolean): ElementSource {
  const contiguous = isContiguous(view);
  const unit = contiguous ? 1 : sizeOf(view.shape.slice(1));
  return {
    unit,
    fill: async (target, from) => {
      if (target.length === 0) return;
      if (contiguous) await region().readInto(target, (view.offset + from) * elementBytes);
      else await gather(region(), rowsOf(view, from / unit, target.length / elementBytes / unit), elementBytes, target);
      if (swap) swapBytes(target, elementBytes);
    },
  };
}

/** The part of a view from position `first` of its first axis. */
function rowsOf({ shape, strides, offset }: View, first: number, count: number): View {
  return { shape: [count, ...shape.slice(1)], strides, offset: offset + first * (strides[0] ?? 0) };
}

/** Bytes of a storage in memory while a strided view is gathered from it. */
const windowBytes = 16 * 2 ** 20;

/**
 * Writes a strided view in C order. It walks the elements in the order of the storage (largest stride outermost), so
 * that one window sliding over the storage is enough, however large the storage is.
 */
async function gather(region: Region, { shape, strides, offset }: View, elementBytes: number, target: Uint8Array) {
  const axes = shape
    .map((extent, axis) => ({ extent, stride: strides[axis] ?? 0, out: sizeOf(shape.slice(axis + 1)) }))
    .filter(({ extent }) => extent > 1)
    .sort((a, b) => b.stride - a.stride);
  const end = axes.reduce((last, { extent, stride }) => last + (extent - 1) * stride, offset) + 1;
  const length = Math.min(end - offset, Math.floor(windowBytes / elementBytes));

  // elements are copied as whole numbers of 1, 2 or 4 bytes, so that no float is ever interpreted
  const words = elementBytes === 8 ? 2 : 1;
  const Words = elementBytes === 1 ? Uint8Array : elementBytes === 2 ? Uint16Array : Uint32Array;
  const buffer = new ArrayBuffer(length * elementBytes);
  const bytes = new Uint8Array(buffer);
  const window = new Words(buffer);
  const output = new Words(
    target.buffer as ArrayBuffer,
    target.byteOffset,
    target.byteLength / Words.BYTES_PER_ELEMENT,
  );
  let low = 0;
  let high = 0;

  const inner = axes.pop() ?? { extent: 1, stride: 0, out: 0 };
  const position = axes.map(() => 0);
  let at = offset;
  let out = 0;
  for (;;) {
    for (let i = 0, from = at, to = out; i < inner.extent; i++, from += inner.stride, to += inner.out) {
      if (from < low || from >= high) {
        low = from;
        high = Math.min(from + length, end);
        await region.readInto(bytes.subarray(0, (high - low) * elementBytes), low * elementBytes);
      }
      for (let word = 0; word < words; word++) output[to * words + word] = window[(from - low) * words + word]!;
    }
    let axis = axes.length - 1;
    for (; axis >= 0; axis--) {
      const { extent, stride, out: step } = axes[axis]!;
      at += stride;
      out += step;
      if (++position[axis]! < extent) break;
      at -= extent * stride;
      out -= extent * step;
      position[axis] = 0;
    }
    if (axis < 0) return;
  }
}

function swapBytes(bytes: Uint8Array, elementBytes: number): void {
  for (let at = 0; at < bytes.length; at += elementBytes) bytes.subarray(at, at + elementBytes).reverse();
}

/** A storage: a flat array in the file that tensors are views of. */
export interface TorchStorage extends PickleMade {
  readonly made: 'storage';
  /** Undefined for untyped storages, whose tensors state their type themselves. */
  readonly dtype: DType | undefined;
  readonly bytes: number;
  /** Offset of the storage inside the region, in bytes (legacy files know views of storages). */
  readonly start: number;
  readonly bigEndian: boolean;
  /** Known when the whole file has been looked through. */
  region(): Region;
}

const isStorage = (value: PickleValue | undefined): value is TorchStorage => isMade(value, 'storage');

/** Checks a list of natural numbers, as PyTorch pickles sizes and strides. */
function naturals(value: PickleValue | undefined, what: string, machine: Machine): readonly number[] {
  if (!isTuple(value)) throw machine.malformed(`${what} is ${kindOf(value)} instead of a tuple`);
  const { rank } = machine.limits;
  if (value.length > rank) throw machine.overLimit(`a tensor of ${value.length} dimensions, the limit is ${rank}`);
  return value.map((item) => natural(item, what, machine));
}

export function natural(value: PickleValue | undefined, what: string, machine: Machine): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    const found = typeof value === 'number' || typeof value === 'bigint' ? String(value).slice(0, 40) : kindOf(value);
    throw machine.malformed(`${what} is ${found}, not a natural number below 2^53`);
  }
  return value;
}

/** The content of a persistent id: `('storage', class, key, location, count)`. Legacy files add a view. */
export interface StorageId {
  readonly dtype: DType | undefined;
  readonly elementBytes: number;
  readonly key: string;
  readonly count: number;
  readonly view: PickleValue | undefined;
}

/** Checks the persistent id of a storage, a tuple of `items` values. */
export function storageId(id: PickleValue, items: number, machine: Machine): StorageId {
  if (!isTuple(id) || id.length !== items || id[0] !== 'storage') {
    const found = isTuple(id) ? `a tuple of ${id.length}, or not tagged "storage"` : kindOf(id);
    throw machine.malformed(`a storage id that is ${found}`);
  }
  const [, type, key, , count, view] = id;
  if (!(type instanceof PickleGlobal) || type.meaning.kind !== 'storage') {
    throw machine.malformed(`a storage id whose class is ${kindOf(type)}`);
  }
  if (typeof key !== 'string') throw machine.malformed(`a storage id whose key is ${kindOf(key)}`);
  const { dtype } = type.meaning;
  const elementBytes = dtype ? dtypeFacts(dtype).bytes : 1;
  return { dtype, elementBytes, key, count: natural(count, 'the size of a storage', machine), view };
}

/** Makes a tensor of a storage, an offset, sizes and strides. `named` is its type if the storage is untyped. */
function tensor(
  [storage, offsetValue, sizeValue, strideValue]: readonly PickleValue[],
  machine: Machine,
  named?: DType,
): TorchTensor {
  const { limits } = machine;
  if (!isStorage(storage)) throw machine.malformed(`a tensor is made of ${kindOf(storage)} instead of a storage`);
  const dtype = named ?? storage.dtype;
  if (!dtype) throw machine.malformed('a tensor without a type is made of an untyped storage');
  const { bytes: elementBytes } = dtypeFacts(dtype);
  const offset = natural(offsetValue, 'a storage offset', machine);
  const shape = naturals(sizeValue, 'a size', machine);
  const strides = naturals(strideValue, 'a stride', machine);
  if (strides.length !== shape.length) throw machine.malformed(`${shape.length} sizes with ${strides.length} strides`);
  machine.spend(price.tensor + 2 * price.item * shape.length);
  const stored = Math.floor(storage.bytes / elementBytes);
  if (!shape.includes(0)) {
    const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * (strides[axis] ?? 0), offset);
    if (!(last < stored)) {
      const size = shape.join(', ');
      throw machine.malformed(`a tensor of size (${size}) reaches element ${last} of a storage that has ${stored}`);
    }
    const count = sizeOf(shape);
    const allowed = Math.max(stored, limits.expandedElements);
    if (!(count <= allowed)) throw machine.overLimit(`a tensor of ${count} elements repeats a storage of ${stored}`);
    // within one window the order does not matter; over more of a storage, each step would read it again
    if ((last + 1 - offset) * elementBytes > windowBytes && !isNested({ shape, strides, offset })) {
      const size = `a tensor of size (${shape.join(', ')}) with overlapping strides (${strides.join(', ')})`;
      throw machine.unsupported(`${size} is not read`);
    }
  }
  const view = { shape, strides, offset: offset + storage.start / elementBytes };
  const elements = viewElements(() => storage.region(), view, elementBytes, storage.bigEndian);
  return { made: 'tensor', entry: tensorEntry(shape, dtype, elements, machine.refuse) };
}

/** Refuses the lazy conjugate and negative bits, which change values. Other bookkeeping does not. */
function checkMetadata(metadata: PickleValue | undefined, machine: Machine): void {
  if (!(metadata instanceof Map)) return;
  for (const flag of ['conj', 'neg']) {
    if (metadata.get(flag) === true) throw machine.unsupported(`a tensor with the ${flag} bit`);
  }
}

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks[, metadata])` */
function tensorV2(args: readonly PickleValue[], machine: Machine): PickleValue {
  checkMetadata(args[6], machine);
  return tensor(args, machine);
}

/** `_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, hooks, dtype[, metadata])` */
function tensorV3(args: readonly PickleValue[], machine: Machine): PickleValue {
  checkMetadata(args[7], machine);
  const type = args[6];
  if (!(type instanceof PickleGlobal) || type.meaning.kind !== 'dtype') {
    throw machine.malformed(`a tensor of type ${kindOf(type)}`);
  }
  const { dtype } = type.meaning;
  if (!dtype) throw machine.unsupported(`elements of type ${type.name} are not read`);
  return tensor(args, machine, dtype);
}

/** `_rebuild_parameter(data, requires_grad, hooks[, state])` */
function parameter([data]: readonly PickleValue[], machine: Machine): PickleValue {
  if (!isTensor(data)) throw machine.malformed(`a Parameter is made of ${kindOf(data)} instead of a tensor`);
  return data;
}

/** `_rebuild_from_type_v2(builder, class, args, state)`. A tensor of an unknown class is a record. */
function fromType([callee = null, type, args = null]: readonly PickleValue[], machine: Machine): PickleValue {
  if (type instanceof PickleGlobal && type.meaning.kind === 'inert') {
    machine.spend(price.record);
    return new PickleObject(type.name, isTuple(args) ? args : [args]);
  }
  if (!(type instanceof PickleGlobal) || type.meaning.kind !== 'class') {
    throw machine.unsupported(`a tensor of the class ${kindOf(type)}`);
  }
  // PyTorch never does so; the calls could go as deep as the file is long
  if (callee instanceof PickleGlobal && callee.meaning === typedTensor) {
    throw machine.malformed('a tensor of a class that is made of such a tensor');
  }
  return machine.call(callee, args);
}

/** A builder that takes `least` to `most` arguments. */
function builds(least: number, most: number, build: Build): GlobalMeaning {
  return calls((args, machine) => {
    if (args.length < least || args.length > most) {
      throw machine.malformed(`a tensor is made of ${args.length} arguments`);
    }
    return build(args, machine);
  });
}

const typedTensor = builds(4, 4, fromType);

const unread = (what: string): GlobalMeaning => ({ kind: 'refused', what: `${what} not read` });

/** The names that may occur in a checkpoint of PyTorch, with a meaning. */
export const torchGlobals: Globals = new Map([
  ...pythonGlobals,
  ...globalsOf([
    ['torch._utils', '_rebuild_tensor', builds(4, 4, (args, machine) => tensor(args, machine))],
    ['torch._utils', '_rebuild_tensor_v2', builds(6, 7, tensorV2)],
    ['torch._utils', '_rebuild_tensor_v3', builds(7, 8, tensorV3)],
    ['torch._utils', '_rebuild_parameter', builds(3, 3, parameter)],
    ['torch._utils', '_rebuild_parameter_with_state', builds(4, 4, parameter)],
    ['torch._tensor', '_rebuild_from_type_v2', typedTensor],
    ['torch torch._tensor', 'Tensor', { kind: 'class' }],
    ['torch.nn.parameter', 'Parameter Buffer', { kind: 'class' }],
    ['torch', 'Size', torchSize],
    ['torch', 'device Generator memory_format layout qscheme finfo iinfo', inert],
    ['torch.serialization', '_get_layout', inert],
    ['torch._C', '_VariableFunctionsClass', { kind: 'function' }], // torch.relu is pickled as its attribute
    ['torch', unreadTorchDTypes.join(' '), { kind: 'dtype', dtype: undefined }],
    ['torch torch.storage', 'UntypedStorage', { kind: 'storage', dtype: undefined }],
    ...dtypeNames.flatMap((dtype): GlobalRow[] => {
      const { storage } = dtypeFacts(dtype);
      const type: GlobalRow = ['torch', dtype, { kind: 'dtype', dtype }];
      return storage ? [type, ['torch torch.cuda', storage, { kind: 'storage', dtype }]] : [type];
    }),
    [
      'torch torch.cuda',
      'ComplexFloatStorage ComplexDoubleStorage QInt8Storage QUInt8Storage QInt32Storage QUInt4x2Storage QUInt2x4Storage',
      unread('elements of this type are'),
    ],
    ['torch._utils', '_rebuild_qtensor', unread('a quantized tensor is')],
    ['torch._utils', '_rebuild_sparse_tensor _rebuild_sparse_csr_tensor', unread('a sparse tensor is')],
    ['torch._utils', '_rebuild_nested_tensor', unread('a nested tensor is')],
    ['torch._utils', '_rebuild_meta_tensor_no_storage', unread('a tensor without data (device "meta") is')],
    [
      'torch._utils',
      '_rebuild_device_tensor_from_numpy',
      unread('a tensor of another device, stored as NumPy array, is'),
    ],
    ['torch._utils', '_rebuild_device_tensor_from_cpu_tensor', unread('a tensor of another device is')],
    ['torch._utils', '_rebuild_wrapper_subclass', unread('a tensor of a custom class is')],
    ['torch._utils', '_rebuild_xla_tensor', unread('an XLA tensor is')],
  ]),
]);
