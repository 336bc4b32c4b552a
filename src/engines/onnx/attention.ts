import { biasRows, maskedScore } from '../shape_dependent.ts';
import type { Emit, OperatorWriter } from './writer.ts';

/** Attention in ONNX: among all pixels of a map, and within windows. Inside, values are N × heads × … × …. */

/** Splits a map into queries, keys and values: N × heads × depth × pixels as the channels have them, or transposed. */
function partsOf(onnx: OperatorWriter, qkv: string, heads: number, depth: number) {
  const split = onnx.operator('Reshape', [qkv, onnx.ints([0, 3, heads, depth, -1])]);
  const part = (index: number) => onnx.operator('Gather', [split, onnx.ints([index], [])], { axis: 1 });
  const transposed = (x: string) => onnx.operator('Transpose', [x], { perm: [0, 1, 3, 2] });
  return { part, transposed };
}

/** Turns N × heads × depth × pixels into a map as large as that of the queries, keys and values. */
function joined(onnx: OperatorWriter, values: string, qkv: string, channels: number): void {
  const batch = onnx.operator('Shape', [qkv], { start: 0, end: 1 });
  const size = onnx.operator('Shape', [qkv], { start: 2 });
  onnx.operator('Reshape', [values, onnx.operator('Concat', [batch, onnx.ints([channels]), size], { axis: 0 })]);
}

export const attention: Emit<'attention'> = (onnx, [qkv], { attributes: { heads }, channels }) => {
  const depth = channels / heads;
  const { part, transposed } = partsOf(onnx, qkv, heads, depth);
  const queries = onnx.operator('Mul', [transposed(part(0)), onnx.floats([depth ** -0.5], [])]);
  const weights = onnx.operator('Softmax', [onnx.operator('MatMul', [queries, part(1)])], { axis: -1 });
  joined(onnx, transposed(onnx.operator('MatMul', [weights, transposed(part(2))])), qkv, channels);
};

export const linearAttention: Emit<'linearAttention'> = (onnx, [qkv], { attributes: { heads }, channels }) => {
  const { part, transposed } = partsOf(onnx, qkv, heads, channels / heads);
  const positive = (x: string) => onnx.operator('Add', [onnx.operator('Elu', [x]), onnx.floats([1], [])]);
  const [queries, keys] = [positive(part(0)), positive(part(1))]; // depth × pixels
  const context = onnx.operator('MatMul', [part(2), transposed(keys)]); // depth of values × depth of keys
  const sums = onnx.operator('ReduceSum', [keys, onnx.ints([3])], { keepdims: 1 }); // depth × 1
  const total = onnx.operator('MatMul', [transposed(sums), queries]); // 1 × pixels
  joined(onnx, onnx.operator('Div', [onnx.operator('MatMul', [context, queries]), total]), qkv, channels);
};

/** Gathers pixels into windows and back by two lists that follow from the size. The channels are last. */
export const windowAttention: Emit<'windowAttention'> = (onnx, [qkv, table, bias], { attributes, channels }) => {
  const { heads, window, shift, padding } = attributes;
  const windows = { window, shift, padding };
  const positions = window ** 2;
  const depth = channels / heads;
  const batch = onnx.operator('Shape', [qkv], { start: 0, end: 1 });
  const shapeOf = (...extents: (string | number)[]) => {
    const lists = extents.map((extent) => (typeof extent === 'number' ? onnx.ints([extent]) : extent));
    return onnx.operator('Concat', lists, { axis: 0 });
  };

  // N × pixels × 3C, and one pixel more: the padding, which is what the projection makes of zeros
  const pixels = onnx.operator('Reshape', [qkv, onnx.ints([0, -1, 3 * channels])]);
  const padded = onnx.operator('Expand', [bias ?? onnx.floats([0]), shapeOf(batch, 1, 3 * channels)]);
  const extended = onnx.operator('Concat', [pixels, padded], { axis: 1 });
  const inWindows = onnx.operator('Gather', [extended, onnx.shapeDependent({ kind: 'windowTokens', windows })], {
    axis: 1,
  });
  const split = onnx.operator('Reshape', [inWindows, onnx.ints([-1, positions, 3, heads, depth])]);
  const part = (index: number, perm: readonly number[]) =>
    onnx.operator('Transpose', [onnx.operator('Gather', [split, onnx.ints([index], [])], { axis: 2 })], { perm });

  // N·windows × heads × positions × positions
  const queries = onnx.operator('Mul', [part(0, [0, 2, 1, 3]), onnx.floats([depth ** -0.5], [])]);
  const products = onnx.operator('MatMul', [queries, part(1, [0, 2, 3, 1])]);
  const pairs = onnx.operator('Gather', [table, onnx.ints([...biasRows(window)], [positions, positions])], { axis: 0 });
  const scores = onnx.operator('Add', [products, onnx.operator('Transpose', [pairs], { perm: [2, 0, 1] })]);
  const weights = onnx.operator('Softmax', [shift > 0 ? masked() : scores], { axis: -1 });

  const values = onnx.operator('MatMul', [weights, part(2, [0, 2, 1, 3])]);
  const joined = onnx.operator('Transpose', [values], { perm: [0, 2, 1, 3] });
  const rows = onnx.operator('Reshape', [joined, shapeOf(batch, -1, channels)]);
  const back = onnx.operator('Gather', [rows, onnx.shapeDependent({ kind: 'windowPositions', windows })], { axis: 1 });
  const size = onnx.operator('Shape', [qkv], { start: 1, end: 3 });
  onnx.operator('Reshape', [back, shapeOf(batch, size, channels)]);

  /** Adds the mask: which positions see each other depends on the window, not on the image or the head. */
  function masked(): string {
    const areas = onnx.shapeDependent({ kind: 'windowAreas', windows });
    const column = onnx.operator('Unsqueeze', [areas, onnx.ints([2])]);
    const row = onnx.operator('Unsqueeze', [areas, onnx.ints([1])]);
    const seen = onnx.floats([0], []);
    const unseen = onnx.floats([maskedScore], []);
    const mask = onnx.operator('Where', [onnx.operator('Equal', [column, row]), seen, unseen]);
    const byWindow = onnx.operator('Reshape', [scores, shapeOf(batch, -1, heads, positions, positions)]);
    const sum = onnx.operator('Add', [byWindow, onnx.operator('Unsqueeze', [mask, onnx.ints([1])])]);
    return onnx.operator('Reshape', [sum, onnx.ints([-1, heads, positions, positions])]);
  }
};
