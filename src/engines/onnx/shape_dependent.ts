import type { Axis } from '../../nn/ops.ts';
import type { ShapeDependentArray, Windows } from '../shape_dependent.ts';
import { axesOf } from './layouts.ts';
import type { OperatorWriter } from './writer.ts';

/**
 * Computes an array that follows from the size of a map inside the model, so that a file for another runtime has no other
 * input than the image. Whole numbers are int64, which is what `Shape` gives.
 */
export function emitShapeDependent(onnx: OperatorWriter, map: string, array: ShapeDependentArray): string {
  const write = wholeNumbers(onnx, map);
  if (array.kind === 'pooling') return poolingMatrix(write, array.bins, array.axis);
  return windowArrays[array.kind](write, array.windows);
}

/** A value of the model, or a constant. */
type Whole = string | number;

/** Arithmetic on whole numbers: scalars, or lists that broadcast. */
function wholeNumbers(onnx: OperatorWriter, map: string) {
  const named = (value: Whole) => (typeof value === 'number' ? onnx.ints([value], []) : value);
  const of =
    (type: string) =>
    (...operands: readonly Whole[]): string =>
      onnx.operator(type, operands.map(named));
  return {
    add: of('Add'),
    sub: of('Sub'),
    mul: of('Mul'),
    /** Rounds down: no number in this file is negative. */
    div: of('Div'),
    /** Never negative for a positive divisor. */
    mod: of('Mod'),
    less: of('Less'),
    atLeast: of('GreaterOrEqual'),
    and: of('And'),
    or: of('Or'),
    choose: of('Where'),
    /** 0 up to, not including, `end`. */
    range: (end: Whole) => onnx.operator('Range', [named(0), named(end), named(1)]),
    column: (list: string) => onnx.operator('Unsqueeze', [list, onnx.ints([1])]),
    reshape: (x: string, extents: readonly number[]) => onnx.operator('Reshape', [x, onnx.ints(extents)]),
    transpose: (x: string, perm: readonly number[]) => onnx.operator('Transpose', [x], { perm }),
    list: (values: readonly Whole[]) =>
      onnx.operator(
        'Concat',
        values.map((value) =>
          typeof value === 'number' ? onnx.ints([value]) : onnx.operator('Unsqueeze', [value, onnx.ints([0])]),
        ),
        { axis: 0 },
      ),
    into: (x: string, shape: string) => onnx.operator('Reshape', [x, shape]),
    cast: (x: string, type: 'float32' | 'int64') => onnx.operator('Cast', [x], { to: type === 'float32' ? 1 : 7 }),
    extent: (axis: Axis) =>
      onnx.operator('Gather', [onnx.operator('Shape', [map]), onnx.ints([axesOf[onnx.layout][axis]], [])]),
  };
}

type Write = ReturnType<typeof wholeNumbers>;

/** [bins, extent]: bin i is the mean of floor(i·n/bins) up to ceil((i+1)·n/bins). */
function poolingMatrix(w: Write, bins: number, axis: Axis): string {
  const extent = w.extent(axis);
  const bin = w.column(w.range(bins));
  const start = w.div(w.mul(bin, extent), bins);
  const end = w.div(w.add(w.mul(w.add(bin, 1), extent), bins - 1), bins);
  const pixel = w.range(extent);
  const inside = w.and(w.atLeast(pixel, start), w.less(pixel, end));
  return w.div(w.cast(inside, 'float32'), w.cast(w.sub(end, start), 'float32'));
}

/** The arrays of the functions of the same names in `../shape_dependent.ts`. */
const windowArrays: Record<
  Exclude<ShapeDependentArray['kind'], 'pooling'>,
  (write: Write, windows: Windows) => string
> = {
  windowTokens(w, windows) {
    const sourcesAlong = (axis: Axis) => {
      const { pixels, padded, period } = axisOf(w, windows, axis);
      const position = w.range(padded);
      const source = w.mod(w.add(position, windows.shift), period);
      return { pixels, padded, source: w.choose(w.less(position, period), source, pixels) };
    };
    const [rows, columns] = [sourcesAlong('height'), sourcesAlong('width')];
    const row = w.column(rows.source);
    const outside = w.or(w.atLeast(row, rows.pixels), w.atLeast(columns.source, columns.pixels));
    const token = w.add(w.mul(row, columns.pixels), columns.source);
    const padding = w.mul(rows.pixels, columns.pixels);
    return w.reshape(inWindows(w, w.choose(outside, padding, token), rows, columns, windows.window), [-1]);
  },

  // the window of a row and column, then the position in it: both are sums of what each axis gives
  windowPositions(w, windows) {
    const { window, shift } = windows;
    const rolled = (axis: Axis) => {
      const { pixels, padded, period } = axisOf(w, windows, axis);
      const position = w.mod(w.sub(w.range(pixels), shift), period);
      return { padded, window: w.div(position, window), within: w.mod(position, window) };
    };
    const [rows, columns] = [rolled('height'), rolled('width')];
    const row = w.add(w.mul(rows.window, w.mul(columns.padded, window)), w.mul(rows.within, window));
    const column = w.add(w.mul(columns.window, window ** 2), columns.within);
    return w.reshape(w.add(w.column(row), column), [-1]);
  },

  windowAreas(w, windows) {
    const { window, shift } = windows;
    const areas = (axis: Axis) => {
      const { padded } = axisOf(w, windows, axis);
      const position = w.range(padded);
      const beyond = (edge: number) => w.cast(w.atLeast(position, w.sub(padded, edge)), 'int64');
      return { padded, area: w.add(beyond(window), beyond(shift)) };
    };
    const [rows, columns] = [areas('height'), areas('width')];
    const area = w.add(w.column(w.mul(rows.area, 3)), columns.area);
    return w.reshape(inWindows(w, area, rows, columns, window), [-1, window ** 2]);
  },
};

function axisOf(w: Write, { window, padding }: Windows, axis: Axis) {
  const pixels = w.extent(axis);
  const padded = w.mul(w.div(w.add(pixels, window - 1), window), window);
  return { pixels, padded, period: padding === 'first' ? padded : pixels };
}

/** Cuts a map of whole windows into windows down × windows across × window × window. */
function inWindows(
  w: Write,
  map: string,
  { padded: height }: { readonly padded: string },
  { padded: width }: { readonly padded: string },
  window: number,
): string {
  const tiles = w.into(map, w.list([w.div(height, window), window, w.div(width, window), window]));
  return w.transpose(tiles, [0, 2, 1, 3]);
}
