import { type Shape, sizeOf } from '../arrays.ts';
import type { CheckpointLimits } from './context.ts';
import {
  type BuildContext,
  type GlobalMeaning,
  isTuple,
  kindOf,
  PickleGlobal,
  type PickleMade,
  type PickleValue,
  pythonGlobals,
} from './pickle_values.ts';
import type { Region } from './source.ts';
import {
  type DType,
  dtypeFacts,
  dtypeNames,
  dtypes,
  type ElementSource,
  type TensorEntry,
  tensorEntry,
} from './tensors.ts';

/** A tensor as PyTorch stores it: a view of a storage, in elements. */
export interface View {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Whether the view's elements lie behind each other in C order. Extents of 1 may have any stride. */
export function isContiguous({ shape, strides }: View): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 0) return true;
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

/** The elements of a view. `swap`: the storage is big-endian. */
export function viewElements(region: () => Region, view: View, elementBytes: number, swap: boolean): ElementSource {
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
  return { shape: [count, ...shape.slice(1)], strides, offset: offset + first * strides[0]! };
}

/** How much of a storage is in memory while a strided view is gathered from it. */
const windowBytes = 16 * 2 ** 20;

/**
 * Writes a strided view in C order. It walks the elements in the order of the storage (largest stride outermost), so
 * that one window sliding over the storage is enough, however large the storage is.
 */
async function gather(region: Region, { shape, strides, offset }: View, elementBytes: number, target: Uint8Array) {
  const outStrides = shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
  const axes = shape
    .map((extent, axis) => ({ extent, stride: strides[axis]!, out: outStrides[axis]! }))
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
  /** Undefined for untyped storages, whose tensors say their type themselves. */
  readonly dtype: DType | undefined;
  readonly bytes: number;
  /** Where this storage begins inside the region, in bytes (legacy files know views of storages). */
  readonly start: number;
  readonly bigEndian: boolean;
  /** Known when the whole file has been looked through. */
  region(): Region;
}

export interface TorchTensor extends PickleMade {
  readonly made: 'tensor';
  readonly entry: TensorEntry;
}

export function isTensor(value: PickleValue | undefined): value is TorchTensor {
  return typeof value === 'object' && value !== null && 'made' in value && value.made === 'tensor';
}

function isStorage(value: PickleValue | undefined): value is TorchStorage {
  return typeof value === 'object' && value !== null && 'made' in value && value.made === 'storage';
}

/** A list of natural numbers as PyTorch pickles sizes and strides. */
function naturals(value: PickleValue | undefined, what: string, context: BuildContext): readonly number[] {
  if (!isTuple(value)) throw context.wrong(`${what} is ${kindOf(value)} instead of a tuple`);
  return value.map((item) => natural(item, what, context));
}

export function natural(value: PickleValue | undefined, what: string, context: BuildContext): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    const found = typeof value === 'number' || typeof value === 'bigint' ? String(value).slice(0, 40) : kindOf(value);
    throw context.wrong(`${what} is ${found}, which is no natural number below 2^53`);
  }
  return value;
}

function tensor(
  [storage, offsetValue, sizeValue, strideValue]: readonly PickleValue[],
  named: DType | undefined,
  limits: CheckpointLimits,
  context: BuildContext,
): TorchTensor {
  if (!isStorage(storage)) throw context.wrong(`a tensor is made of ${kindOf(storage)} instead of a storage`);
  const dtype = named ?? storage.dtype;
  if (!dtype) throw context.wrong('a tensor without a type is made of an untyped storage');
  const { bytes: elementBytes } = dtypeFacts(dtype);
  const offset = natural(offsetValue, 'a storage offset', context);
  const shape = naturals(sizeValue, 'a size', context);
  const strides = naturals(strideValue, 'a stride', context);
  if (strides.length !== shape.length) throw context.wrong(`${shape.length} sizes with ${strides.length} strides`);
  if (shape.length > limits.rank)
    throw context.limit(`a tensor of ${shape.length} dimensions, the limit is ${limits.rank}`);
  const held = Math.floor(storage.bytes / elementBytes);
  if (!shape.includes(0)) {
    const last = shape.reduce((sum, extent, axis) => sum + (extent - 1) * strides[axis]!, offset);
    if (!(last < held)) {
      throw context.wrong(
        `a tensor of size (${shape.join(', ')}) reaches element ${last} of a storage that has ${held}`,
      );
    }
    const count = shape.reduce((product, extent) => product * extent, 1);
    const allowed = Math.max(held, limits.expandedElements);
    if (!(count <= allowed)) throw context.limit(`a tensor of ${count} elements repeats a storage of ${held}`);
  }
  const view = { shape, strides, offset: offset + storage.start / elementBytes };
  const elements = viewElements(() => storage.region(), view, elementBytes, storage.bigEndian);
  return { made: 'tensor', entry: tensorEntry(shape, dtype, elements) };
}

function arity(args: readonly PickleValue[], least: number, most: number, context: BuildContext): void {
  if (args.length < least || args.length > most) throw context.wrong(`a tensor is made of ${args.length} arguments`);
}

/** The lazy conjugate and negative bits change values; other bookkeeping does not. */
function checkMetadata(metadata: PickleValue | undefined, context: BuildContext): void {
  if (!(metadata instanceof Map)) return;
  for (const flag of ['conj', 'neg'])
    if (metadata.get(flag) === true) throw context.unsupported(`a tensor with the ${flag} bit`);
}

/** Element types that have a storage class and are not read. */
const unreadStorages = 'ComplexFloat ComplexDouble QInt8 QUInt8 QInt32 QUInt4x2 QUInt2x4'.split(' ');

const unreadBuilders: readonly (readonly [string, string])[] = [
  ['_rebuild_qtensor', 'a quantized tensor'],
  ['_rebuild_sparse_tensor', 'a sparse tensor'],
  ['_rebuild_sparse_csr_tensor', 'a sparse tensor'],
  ['_rebuild_nested_tensor', 'a nested tensor'],
  ['_rebuild_meta_tensor_no_storage', 'a tensor without data (device "meta")'],
  ['_rebuild_device_tensor_from_numpy', 'a tensor of another device, stored as a NumPy array'],
  ['_rebuild_device_tensor_from_cpu_tensor', 'a tensor of another device'],
  ['_rebuild_wrapper_subclass', 'a tensor of a class of its own'],
  ['_rebuild_xla_tensor', 'an XLA tensor'],
];

/** All names that may occur in a checkpoint of PyTorch. */
export function torchGlobals(
  limits: CheckpointLimits,
  inertClasses: readonly string[],
): ReadonlyMap<string, GlobalMeaning> {
  const build = (
    least: number,
    most: number,
    make: (args: readonly PickleValue[], context: BuildContext) => PickleValue,
  ): GlobalMeaning => ({
    kind: 'call',
    build: (args, context) => {
      arity(args, least, most, context);
      return make(args, context);
    },
  });
  const parameter = ([data]: readonly PickleValue[], context: BuildContext) => {
    if (!isTensor(data)) throw context.wrong(`a Parameter is made of ${kindOf(data)} instead of a tensor`);
    return data;
  };
  const globals = new Map<string, GlobalMeaning>(pythonGlobals);
  const utils = (name: string, meaning: GlobalMeaning) => globals.set(`torch._utils ${name}`, meaning);

  utils(
    '_rebuild_tensor',
    build(4, 4, (args, context) => tensor(args, undefined, limits, context)),
  );
  utils(
    '_rebuild_tensor_v2',
    build(6, 7, (args, context) => {
      checkMetadata(args[6], context);
      return tensor(args, undefined, limits, context);
    }),
  );
  utils(
    '_rebuild_tensor_v3',
    build(7, 8, (args, context) => {
      checkMetadata(args[7], context);
      const type = args[6];
      if (!(type instanceof PickleGlobal) || type.meaning.kind !== 'dtype') {
        throw context.wrong(`a tensor of type ${kindOf(type)}`);
      }
      return tensor(args, type.meaning.dtype, limits, context);
    }),
  );
  utils('_rebuild_parameter', build(3, 3, parameter));
  utils('_rebuild_parameter_with_state', build(4, 4, parameter));
  globals.set(
    'torch._tensor _rebuild_from_type_v2',
    build(4, 4, ([callee, type, args], context) => {
      if (!(type instanceof PickleGlobal) || type.meaning.kind !== 'class') {
        throw context.unsupported(`a tensor of the class ${kindOf(type)}`);
      }
      return context.call(callee ?? null, args as readonly PickleValue[]);
    }),
  );
  for (const name of [
    'torch Tensor',
    'torch._tensor Tensor',
    'torch.nn.parameter Parameter',
    'torch.nn.parameter Buffer',
  ]) {
    globals.set(name, { kind: 'class' });
  }
  globals.set(
    'torch Size',
    build(0, 1, ([sizes], context) => {
      if (sizes !== undefined && !Array.isArray(sizes)) throw context.wrong(`a torch.Size made of ${kindOf(sizes)}`);
      return Object.freeze([...((sizes as readonly PickleValue[] | undefined) ?? [])]);
    }),
  );
  globals.set('torch device', { kind: 'inert' });
  for (const dtype of dtypeNames) globals.set(`torch ${dtype}`, { kind: 'dtype', dtype });
  for (const module of ['torch', 'torch.cuda']) {
    for (const dtype of dtypeNames) {
      const { storage } = dtypes[dtype] as { storage?: string };
      if (storage) globals.set(`${module} ${storage}`, { kind: 'storage', dtype });
    }
    for (const name of unreadStorages) {
      globals.set(`${module} ${name}Storage`, { kind: 'refused', what: 'elements of this type are not read' });
    }
  }
  for (const module of ['torch', 'torch.storage'])
    globals.set(`${module} UntypedStorage`, { kind: 'storage', dtype: undefined });
  for (const [name, what] of unreadBuilders) utils(name, { kind: 'refused', what: `${what} is not read` });
  for (const name of inertClasses) {
    const dot = name.lastIndexOf('.');
    const key = `${name.slice(0, dot)} ${name.slice(dot + 1)}`;
    if (!globals.has(key)) globals.set(key, { kind: 'inert' });
  }
  return globals;
}

/** What a persistent id says: `('storage', class, key, location, count)`, in legacy files with a view behind. */
export interface StorageId {
  readonly dtype: DType | undefined;
  readonly elementBytes: number;
  readonly key: string;
  readonly count: number;
  readonly view: PickleValue | undefined;
}

export function storageId(id: PickleValue, items: number, context: BuildContext): StorageId {
  if (!isTuple(id) || id.length !== items || id[0] !== 'storage') {
    throw context.wrong(
      `a storage id that is ${isTuple(id) ? `a tuple of ${id.length}, or not tagged "storage"` : kindOf(id)}`,
    );
  }
  const [, type, key, , count, view] = id;
  if (!(type instanceof PickleGlobal) || type.meaning.kind !== 'storage') {
    throw context.wrong(`a storage id whose class is ${kindOf(type)}`);
  }
  if (typeof key !== 'string') throw context.wrong(`a storage id whose key is ${kindOf(key)}`);
  const { dtype } = type.meaning;
  const elementBytes = dtype ? dtypeFacts(dtype).bytes : 1;
  return { dtype, elementBytes, key, count: natural(count, 'the size of a storage', context), view };
}
