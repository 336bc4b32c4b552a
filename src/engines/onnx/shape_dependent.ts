import type { Axis } from '../../nn/ops.ts';
import type { SizedArray, Windows } from '../shape_dependent.ts';
import type { OperatorWriter } from './operators.ts';

/**
 * The arrays that follow from the size of a map, computed inside the model. Where nobody is there to hand them in, as in
 * a file for another runtime, the image stays the only input. Whole numbers are int64, which is what `Shape` gives.
 */
export function emitSizedArray(onnx: OperatorWriter, map: string, array: SizedArray): string {
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
    /** Rounds down: nothing here is negative. */
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
      onnx.operator('Gather', [onnx.operator('Shape', [map]), onnx.ints([axis === 'height' ? 2 : 3], [])]),
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

/** As the functions of the same names beside `../windows.ts` say. */
const windowArrays: Record<Exclude<SizedArray['kind'], 'pooling'>, (write: Write, windows: Windows) => string> = {
  windowTokens(w, windows) {
    const [rows, columns] = (['height', 'width'] as const).map((axis) => {
      const { pixels, filled, period } = axisOf(w, windows, axis);
      const place = w.range(filled);
      const source = w.mod(w.add(place, windows.shift), period);
      return { pixels, filled, source: w.choose(w.less(place, period), source, pixels) };
    }) as [AxisSources, AxisSources];
    const row = w.column(rows.source);
    const outside = w.or(w.atLeast(row, rows.pixels), w.atLeast(columns.source, columns.pixels));
    const token = w.add(w.mul(row, columns.pixels), columns.source);
    const filling = w.mul(rows.pixels, columns.pixels);
    return w.reshape(inWindows(w, w.choose(outside, filling, token), rows, columns, windows.window), [-1]);
  },

  // the window of a row and column, then the place in it: both are sums of what each axis gives
  windowPlaces(w, windows) {
    const { window, shift } = windows;
    const rolled = (axis: Axis) => {
      const { pixels, filled, period } = axisOf(w, windows, axis);
      const place = w.mod(w.sub(w.range(pixels), shift), period);
      return { filled, window: w.div(place, window), within: w.mod(place, window) };
    };
    const [rows, columns] = [rolled('height'), rolled('width')];
    const row = w.add(w.mul(rows.window, w.mul(columns.filled, window)), w.mul(rows.within, window));
    const column = w.add(w.mul(columns.window, window ** 2), columns.within);
    return w.reshape(w.add(w.column(row), column), [-1]);
  },

  windowRegions(w, windows) {
    const { window, shift } = windows;
    const regions = (axis: Axis) => {
      const { filled } = axisOf(w, windows, axis);
      const place = w.range(filled);
      const beyond = (edge: number) => w.cast(w.atLeast(place, w.sub(filled, edge)), 'int64');
      return { filled, region: w.add(beyond(window), beyond(shift)) };
    };
    const [rows, columns] = [regions('height'), regions('width')];
    const region = w.add(w.column(w.mul(rows.region, 3)), columns.region);
    return w.reshape(inWindows(w, region, rows, columns, window), [-1, window ** 2]);
  },
};

interface AxisSources {
  readonly pixels: string;
  readonly filled: string;
  readonly source: string;
}

function axisOf(w: Write, { window, padding }: Windows, axis: Axis) {
  const pixels = w.extent(axis);
  const filled = w.mul(w.div(w.add(pixels, window - 1), window), window);
  return { pixels, filled, period: padding === 'first' ? filled : pixels };
}

/** A map of whole windows → windows across × windows down × window × window, row by row. */
function inWindows(
  w: Write,
  map: string,
  { filled: height }: { readonly filled: string },
  { filled: width }: { readonly filled: string },
  window: number,
): string {
  const tiles = w.into(map, w.list([w.div(height, window), window, w.div(width, window), window]));
  return w.transpose(tiles, [0, 2, 1, 3]);
}
