import type { Node } from '../../nn/graph.ts';
import type { OperatorWriter } from './operators.ts';

/** Attention among all pixels of a map, N × heads × … × … inside. */

/** Queries, keys and values, N × heads × depth × pixels as the channels have them, or turned. */
function partsOf(onnx: OperatorWriter, qkv: string, heads: number, depth: number) {
  const split = onnx.operator('Reshape', [qkv, onnx.ints([0, 3, heads, depth, -1])]);
  const part = (index: number) => onnx.operator('Gather', [split, onnx.ints([index], [])], { axis: 1 });
  const turned = (x: string) => onnx.operator('Transpose', [x], { perm: [0, 1, 3, 2] });
  return { part, turned };
}

/** N × heads × depth × pixels to a map as large as that of the queries, keys and values. */
function joined(onnx: OperatorWriter, values: string, qkv: string, channels: number): void {
  const batch = onnx.operator('Shape', [qkv], { start: 0, end: 1 });
  const size = onnx.operator('Shape', [qkv], { start: 2 });
  onnx.operator('Reshape', [values, onnx.operator('Concat', [batch, onnx.ints([channels]), size], { axis: 0 })]);
}

export function emitAttention(
  onnx: OperatorWriter,
  [qkv]: readonly string[],
  { attributes: { heads }, channels }: Node<'attention'>,
): void {
  const depth = channels / heads;
  const { part, turned } = partsOf(onnx, qkv!, heads, depth);
  const queries = onnx.operator('Mul', [turned(part(0)), onnx.floats([depth ** -0.5], [])]);
  const weights = onnx.operator('Softmax', [onnx.operator('MatMul', [queries, part(1)])], { axis: -1 });
  joined(onnx, turned(onnx.operator('MatMul', [weights, turned(part(2))])), qkv!, channels);
}

export function emitLinearAttention(
  onnx: OperatorWriter,
  [qkv]: readonly string[],
  { attributes: { heads }, channels }: Node<'linearAttention'>,
): void {
  const { part, turned } = partsOf(onnx, qkv!, heads, channels / heads);
  const positive = (x: string) => onnx.operator('Add', [onnx.operator('Elu', [x]), onnx.floats([1], [])]);
  const [queries, keys] = [positive(part(0)), positive(part(1))]; // depth × pixels
  const context = onnx.operator('MatMul', [part(2), turned(keys)]); // depth of values × depth of keys
  const sums = onnx.operator('ReduceSum', [keys, onnx.ints([3])], { keepdims: 1 }); // depth × 1
  const total = onnx.operator('MatMul', [turned(sums), queries]); // 1 × pixels
  joined(onnx, onnx.operator('Div', [onnx.operator('MatMul', [context, queries]), total]), qkv!, channels);
}
