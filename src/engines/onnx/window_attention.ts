import type { Node } from '../../nn/graph.ts';
import { biasRows, maskedScore } from '../windows.ts';
import type { OperatorWriter } from './operators.ts';

/** Attention in windows: pixels are gathered into windows and back by two lists that come with the size. */
export function emitWindowAttention(
  onnx: OperatorWriter,
  [qkv, table, bias]: readonly string[],
  { attributes, channels }: Node<'windowAttention'>,
): void {
  const { heads, window, shift, padding } = attributes;
  const windows = { window, shift, padding };
  const places = window ** 2;
  const depth = channels / heads;
  const batch = onnx.operator('Shape', [qkv!], { start: 0, end: 1 });
  const shapeOf = (...extents: (string | number)[]) =>
    onnx.operator(
      'Concat',
      extents.map((extent) => (typeof extent === 'number' ? onnx.ints([extent]) : extent)),
      {
        axis: 0,
      },
    );

  // N × pixels × 3C, and one pixel more: the filling, which is what the projection makes of zeros
  const pixels = onnx.operator('Transpose', [onnx.operator('Reshape', [qkv!, onnx.ints([0, 3 * channels, -1])])], {
    perm: [0, 2, 1],
  });
  const filling = onnx.operator('Expand', [bias ?? onnx.floats([0]), shapeOf(batch, 1, 3 * channels)]);
  const filled = onnx.operator('Concat', [pixels, filling], { axis: 1 });
  const inWindows = onnx.operator('Gather', [filled, onnx.sized({ kind: 'windowTokens', windows })], { axis: 1 });
  const split = onnx.operator('Reshape', [inWindows, onnx.ints([-1, places, 3, heads, depth])]);
  const part = (index: number, perm: readonly number[]) =>
    onnx.operator('Transpose', [onnx.operator('Gather', [split, onnx.ints([index], [])], { axis: 2 })], { perm });

  // N·windows × heads × places × places
  const queries = onnx.operator('Mul', [part(0, [0, 2, 1, 3]), onnx.floats([depth ** -0.5], [])]);
  const products = onnx.operator('MatMul', [queries, part(1, [0, 2, 3, 1])]);
  const pairs = onnx.operator('Gather', [table!, onnx.ints([...biasRows(window)], [places, places])], { axis: 0 });
  const scores = onnx.operator('Add', [products, onnx.operator('Transpose', [pairs], { perm: [2, 0, 1] })]);
  const weights = onnx.operator('Softmax', [shift > 0 ? masked() : scores], { axis: -1 });

  const values = onnx.operator('MatMul', [weights, part(2, [0, 2, 1, 3])]);
  const joined = onnx.operator('Transpose', [values], { perm: [0, 2, 1, 3] });
  const rows = onnx.operator('Reshape', [joined, shapeOf(batch, -1, channels)]);
  const back = onnx.operator('Gather', [rows, onnx.sized({ kind: 'windowPlaces', windows })], { axis: 1 });
  const size = onnx.operator('Shape', [qkv!], { start: 2 });
  onnx.operator('Reshape', [onnx.operator('Transpose', [back], { perm: [0, 2, 1] }), shapeOf(batch, channels, size)]);

  /** Whether two places see each other depends on the window, and not on the image or the head. */
  function masked(): string {
    const regions = onnx.sized({ kind: 'windowRegions', windows });
    const [column, row] = [2, 1].map((axis) => onnx.operator('Unsqueeze', [regions, onnx.ints([axis])]));
    const [seen, unseen] = [0, maskedScore].map((value) => onnx.floats([value], []));
    const mask = onnx.operator('Where', [onnx.operator('Equal', [column!, row!]), seen!, unseen!]);
    const byWindow = onnx.operator('Reshape', [scores, shapeOf(batch, -1, heads, places, places)]);
    const sum = onnx.operator('Add', [byWindow, onnx.operator('Unsqueeze', [mask, onnx.ints([1])])]);
    return onnx.operator('Reshape', [sum, onnx.ints([-1, heads, places, places])]);
  }
}
