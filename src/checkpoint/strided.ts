import { type Shape, sizeOf } from '../ndarray.ts';
import type { Region } from './region.ts';
import type { ElementSource } from './tensor_entry.ts';

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
