import type { Node } from '../../nn/graph.ts';
import type { WindowAttention } from '../../nn/ops.ts';
import { biasRows, maskedScore, type Windows } from '../shape_dependent.ts';
import type { Projected } from './projections.ts';
import { type Emit, type OperatorWriter, transposedMatrix } from './writer.ts';

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

/**
 * Attention in windows, of queries, keys and values as the channels have them: pixels are gathered into windows and back. The channels
 * are last.
 */
export const windowAttention: Emit<'windowAttention'> = (onnx, [qkv, table, bias], { attributes, channels }) => {
  const { heads, window, shift } = attributes;
  const positions = window ** 2;
  const depth = channels / heads;
  const batch = onnx.operator('Shape', [qkv], { start: 0, end: 1 });
  const inWindows = gathered(onnx, { map: qkv, batch, padding: bias, channels: 3 * channels }, attributes);
  const split = onnx.operator('Reshape', [inWindows, onnx.ints([-1, positions, 3, heads, depth])]);
  const part = (index: number, perm: readonly number[]) =>
    onnx.operator('Transpose', [onnx.operator('Gather', [split, onnx.ints([index], [])], { axis: 2 })], { perm });

  // N·windows × heads × positions × positions
  const queries = onnx.operator('Mul', [part(0, [0, 2, 1, 3]), onnx.floats([depth ** -0.5], [])]);
  const products = onnx.operator('MatMul', [queries, part(1, [0, 2, 3, 1])]);
  const scores = onnx.operator('Add', [products, distanceBias(onnx, table, window)]);
  const weights = onnx.operator('Softmax', [shift > 0 ? masked() : scores], { axis: -1 });

  const values = onnx.operator('MatMul', [weights, part(2, [0, 2, 1, 3])]);
  const joined = onnx.operator('Transpose', [values], { perm: [0, 2, 1, 3] });
  restored(onnx, joined, { map: qkv, batch, channels }, attributes);

  function masked(): string {
    const mask = areaMask(onnx, onnx.shapeDependent({ kind: 'windowAreas', windows: windowsOf(attributes) }));
    const byWindow = onnx.operator('Reshape', [scores, shapeOf(onnx, batch, -1, heads, positions, positions)]);
    const sum = onnx.operator('Add', [byWindow, onnx.operator('Unsqueeze', [mask, onnx.ints([1])])]);
    return onnx.operator('Reshape', [sum, onnx.ints([-1, heads, positions, positions])]);
  }
};

/** Attention in windows with the 1×1 convolution before it, in one operator of onnxruntime: see `projections.ts`. */
export function projectedWindowAttention(
  onnx: OperatorWriter,
  [x, weight, table, bias]: Projected,
  { attributes, channels }: Node<'windowAttention'>,
): void {
  const { heads, window, shift } = attributes;
  const batch = onnx.operator('Shape', [x], { start: 0, end: 1 });
  const pixels = gathered(onnx, { map: x, batch, padding: undefined, channels }, attributes);
  const inWindows = onnx.operator('Reshape', [pixels, onnx.ints([-1, window ** 2, channels])]);
  const matrix = transposedMatrix(onnx, weight);
  const distances = onnx.operator('Unsqueeze', [distanceBias(onnx, table, window), onnx.ints([0])]);
  // onnxruntime 1.30 crashes without a bias
  const added = bias ?? onnx.operator('Expand', [onnx.floats([0]), onnx.ints([3 * channels])]);
  const inputs = [inWindows, matrix, added, undefined, undefined, shift > 0 ? masked() : distances];
  const joined = onnx.operator('com.microsoft.Attention', inputs, { num_heads: heads });
  restored(onnx, joined, { map: x, batch, channels }, attributes);

  /** Adds the mask to the bias, for the windows of every image. */
  function masked(): string {
    const areas = onnx.shapeDependent({ kind: 'windowAreas', windows: windowsOf(attributes) });
    const ofAll = onnx.operator('Expand', [areas, shapeOf(onnx, batch, 1, 1)]);
    const mask = areaMask(onnx, onnx.operator('Reshape', [ofAll, onnx.ints([-1, window ** 2])]));
    return onnx.operator('Add', [distances, onnx.operator('Unsqueeze', [mask, onnx.ints([1])])]);
  }
}

const windowsOf = ({ window, shift, padding }: WindowAttention): Windows => ({ window, shift, padding });

const shapeOf = (onnx: OperatorWriter, ...extents: readonly (string | number)[]): string => {
  const lists = extents.map((extent) => (typeof extent === 'number' ? onnx.ints([extent]) : extent));
  return onnx.operator('Concat', lists, { axis: 0 });
};

interface Gathered {
  readonly map: string;
  readonly batch: string;
  readonly channels: number;
  /** The pixels of padding: a value for each channel, or zeros. */
  readonly padding: string | undefined;
}

/** Gathers N × pixels × channels, and one pixel more for the padding, into windows. */
function gathered(
  onnx: OperatorWriter,
  { map, batch, padding, channels }: Gathered,
  attributes: WindowAttention,
): string {
  const pixels = onnx.operator('Reshape', [map, onnx.ints([0, -1, channels])]);
  const padded = onnx.operator('Expand', [padding ?? onnx.floats([0]), shapeOf(onnx, batch, 1, channels)]);
  const extended = onnx.operator('Concat', [pixels, padded], { axis: 1 });
  const tokens = onnx.shapeDependent({ kind: 'windowTokens', windows: windowsOf(attributes) });
  return onnx.operator('Gather', [extended, tokens], { axis: 1 });
}

/** Gathers windows into a map as large as another one. */
function restored(
  onnx: OperatorWriter,
  inWindows: string,
  { map, batch, channels }: Omit<Gathered, 'padding'>,
  attributes: WindowAttention,
): void {
  const rows = onnx.operator('Reshape', [inWindows, shapeOf(onnx, batch, -1, channels)]);
  const positions = onnx.shapeDependent({ kind: 'windowPositions', windows: windowsOf(attributes) });
  const back = onnx.operator('Gather', [rows, positions], { axis: 1 });
  const size = onnx.operator('Shape', [map], { start: 1, end: 3 });
  onnx.operator('Reshape', [back, shapeOf(onnx, batch, size, channels)]);
}

/** heads × positions × positions, by the distance of two positions. */
function distanceBias(onnx: OperatorWriter, table: string, window: number): string {
  const positions = window ** 2;
  const pairs = onnx.operator('Gather', [table, onnx.ints([...biasRows(window)], [positions, positions])], { axis: 0 });
  return onnx.operator('Transpose', [pairs], { perm: [2, 0, 1] });
}

/** windows × positions × positions: which positions see each other depends on the window, not on the image or the head. */
function areaMask(onnx: OperatorWriter, areas: string): string {
  const column = onnx.operator('Unsqueeze', [areas, onnx.ints([2])]);
  const row = onnx.operator('Unsqueeze', [areas, onnx.ints([1])]);
  const seen = onnx.floats([0], []);
  const unseen = onnx.floats([maskedScore], []);
  return onnx.operator('Where', [onnx.operator('Equal', [column, row]), seen, unseen]);
}
