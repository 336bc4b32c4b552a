import { type NDArray, sizeOf } from '../../src/arrays.ts';
import { batchNorm, conv2d, convTranspose2d, F, layerNorm, type Scope, type Value } from '../../src/nn/index.ts';
import { array, type OperationCase, seeded, withInputs } from './operation_case.ts';

/** Cases for the WebGL programs: shapes that do not fill their texels, and whatever may be joined to a program. */

/** Numbers from 0 up to, not including, 1; the same every time (a linear congruential generator). */
function numbersFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

const next = numbersFrom(11);
const whole = (from: number, to: number): number => from + Math.floor(next() * (to - from + 1));
const oneOf = <T>(...values: readonly [T, ...T[]]): T => values[Math.floor(next() * values.length)] as T;

/** What follows a convolution: `y` of the convolution's size, `x` its input. */
const ends: Readonly<Record<string, (scope: Scope, y: Value) => Value>> = {
  nothing: (_, y) => y,
  gelu: (_, y) => F.gelu(y),
  'batchNorm and relu': (scope, y) => F.relu(batchNorm(scope.at('bn'), y)),
  'a gate of its own': (_, y) => F.mul(F.silu(y), F.sigmoid(y)),
  'a scale and a mean': (scope, y) =>
    F.add(F.scale(y, scope.parameter('gamma', [1, y.channels, 1, 1])), F.hardswish(F.globalAvgPool(y))),
};

function randomConvolution(index: number): OperationCase {
  const isDepthwise = index % 2 === 0;
  const kernel = { height: whole(1, 7), width: whole(1, 7) };
  const dilation = { height: whole(1, 3), width: whole(1, 3) };
  const stride = oneOf(1, 1, 2, 3);
  const padding = { height: whole(0, 5), width: whole(0, 5) };
  const channels = whole(1, 9);
  const out = isDepthwise ? channels : whole(1, 9);
  const least = (axis: 'height' | 'width') => dilation[axis] * (kernel[axis] - 1) + 1 - 2 * padding[axis];
  const extent = (axis: 'height' | 'width') => Math.max(1, least(axis)) + whole(0, 8);
  const shape = [whole(1, 2), channels, extent('height'), extent('width')];
  const end = oneOf('nothing', ...Object.keys(ends).slice(1));
  const options = { kernel, dilation, stride, padding, groups: isDepthwise ? channels : 1, bias: next() < 0.5 };
  const window = `${kernel.height}×${kernel.width}, dilation ${dilation.height}×${dilation.width}, stride ${stride}`;
  return withInputs({
    name: `${index}: ${isDepthwise ? 'depthwise' : 'dense'} ${window}, padding ${padding.height}×${padding.width}, ${shape.join('×')} to ${out}, then ${end}`,
    inputs: { x: seeded(`x${index}`, ...shape) },
    forward: (scope, { x }) => ends[end]!(scope, conv2d(scope.at('conv'), x, out, options)),
  });
}

function randomTransposed(index: number): OperationCase {
  const stride = whole(2, 3);
  const kernel = whole(1, 6);
  const padding = whole(0, Math.min(2, Math.floor((kernel - 1) / 2)));
  const outputPadding = whole(0, stride - 1);
  const [channels, out] = [whole(1, 9), whole(1, 9)];
  const shape = [whole(1, 3), channels, whole(2, 7), whole(2, 7)];
  const options = { kernel, stride, padding, outputPadding, bias: next() < 0.5 };
  return withInputs({
    name: `${index}: transposed ${kernel}×${kernel}, stride ${stride}, padding ${padding} and ${outputPadding}, ${shape.join('×')} to ${out}`,
    inputs: { x: seeded(`t${index}`, ...shape) },
    forward: (scope, { x }) => F.relu(convTranspose2d(scope.at('up'), x, out, options)),
  });
}

const dense = (scope: Scope, x: Value, channels: number) => conv2d(scope, x, channels, { kernel: 1 });

function regionsOver(count: number, images: number, extent: number): NDArray {
  const rows = Array.from({ length: count }, () => {
    const [x, y] = [next() * extent * 1.2 - 0.1 * extent, next() * extent * 1.2 - 0.1 * extent];
    return [whole(0, images - 1), x, y, x + next() * extent, y + next() * extent];
  });
  return array([count, 5], ...rows.flat());
}

const align = { outputSize: { height: 3, width: 5 }, spatialScale: 0.25, samplingRatio: 0, aligned: true };

/** From −12.5 to 12.5. */
export const near: NDArray = {
  shape: [1, 1, 61, 41],
  data: Float32Array.from({ length: sizeOf([61, 41]) }, (_, i) => (i - 1250) / 100),
};

/** So far out that an exponential overflows. */
const far = array([1, 1, 2, 3], -1e30, -1e4, -200, 200, 1e4, 1e30);

export const programCases: readonly OperationCase[] = [
  ...Array.from({ length: 28 }, (_, i) => randomConvolution(i)),
  ...Array.from({ length: 12 }, (_, i) => randomTransposed(i)),
  ...(['gelu', 'silu', 'sigmoid', 'relu', 'hardsigmoid', 'hardswish'] as const).flatMap((name) => [
    withInputs({ name, inputs: { x: near }, forward: (_, { x }) => F[name](x) }),
    withInputs({ name: `${name} far out`, inputs: { x: far }, forward: (_, { x }) => F[name](x) }),
  ]),
  ...[
    [1, 1, 1, 1],
    [2, 7, 3, 5],
    [1, 8, 4, 1],
    [2, 33, 5, 4],
  ].map((shape) =>
    withInputs({
      name: `layerNorm of ${shape.join('×')}`,
      inputs: { x: seeded('x', ...shape) },
      forward: (scope, { x }) => layerNorm(scope, x),
    }),
  ),
  ...[
    [2, 3, 1, 1],
    [1, 5, 7, 9],
    [2, 3, 33, 31],
  ].map((shape) =>
    withInputs({
      name: `globalAvgPool of ${shape.join('×')}`,
      inputs: { x: seeded('x', ...shape) },
      forward: (_, { x }) => F.globalAvgPool(x),
    }),
  ),
  withInputs({
    name: 'sums of a map and one pixel, one channel, one row',
    inputs: {
      x: seeded('x', 2, 5, 3, 7),
      pixel: seeded('pixel', 2, 5, 1, 1),
      column: seeded('column', 2, 5, 3, 1),
      row: seeded('row', 1, 5, 1, 7),
    },
    forward: (_, { x, pixel, column, row }) => F.mul(F.add(F.sub(pixel, x), column), F.gelu(row)),
  }),
  withInputs({
    name: 'a convolution of one pixel in a sum with a map',
    inputs: { x: seeded('x', 2, 6, 4, 5) },
    forward: (scope, { x }) => F.silu(F.add(x, dense(scope.at('c'), F.globalAvgPool(x), 6))),
  }),
  withInputs({
    name: 'a convolution of one image in a sum with two',
    inputs: { x: seeded('x', 2, 4, 4, 5), one: seeded('one', 1, 4, 4, 5) },
    forward: (scope, { x, one }) => F.add(x, dense(scope.at('c'), one, 4)),
  }),
  withInputs({
    name: 'two convolutions in a gate, with a shortcut',
    inputs: { x: seeded('x', 2, 5, 6, 7) },
    forward: (scope, { x }) =>
      F.add(
        F.mul(F.silu(dense(scope.at('a'), x, 5)), F.silu(dense(scope.at('b'), x, 5))),
        F.scale(x, scope.parameter('g', [1, 5, 1, 1])),
      ),
  }),
  ...[8, 6, 7].map((channels) =>
    withInputs({
      name: `convolutions of slices of ${channels} channels, joined again`,
      inputs: { x: seeded('x', 2, channels, 6, 5) },
      forward: (scope, { x }) => {
        const depthwise = (name: string, y: Value, kernel: number, dilation: number) =>
          conv2d(scope.at(name), y, y.channels, {
            kernel,
            dilation,
            padding: (dilation * (kernel - 1)) / 2,
            groups: y.channels,
          });
        const whole0 = depthwise('a', x, 5, 1);
        const middle = depthwise('b', F.slice(whole0, 2, channels - 2), 5, 2);
        const high = depthwise('c', F.slice(F.slice(whole0, 1), channels - 3), 7, 3);
        return dense(scope.at('d'), F.concat([F.slice(whole0, 0, 2), middle, high]), 5);
      },
    }),
  ),
  withInputs({
    name: 'more scales than a program has textures',
    inputs: { x: seeded('x', 1, 3, 4, 5) },
    forward: (scope, { x }) => {
      let y = dense(scope.at('c'), x, 3);
      for (let i = 0; i < 24; i++) y = F.add(F.scale(y, scope.parameter(`s${i}`, [1, 3, 1, 1])), x);
      return y;
    },
  }),
  withInputs({
    name: 'a value that is read before and after an activation',
    inputs: { x: seeded('x', 1, 3, 4, 4) },
    forward: (scope, { x }) => {
      const y = dense(scope.at('c'), x, 3);
      return F.concat([F.relu(y), F.gelu(y), F.mul(y, y)]);
    },
  }),
  ...(
    [
      ['of odd maps', [2, 5, 9, 11], align],
      ['with two samples', [1, 4, 16, 13], { ...align, samplingRatio: 2 }],
      ['without half pixels', [1, 3, 8, 8], { ...align, aligned: false }],
    ] as const
  ).map(([name, shape, options]) =>
    withInputs({
      name: `roiAlign ${name}`,
      inputs: { x: seeded('x', ...shape), r: regionsOver(40, shape[0], 40) },
      forward: (_, { x, r }) => F.roiAlign(x, r, options),
    }),
  ),
  // more entries than a texture is high
  withInputs({
    name: 'roiAlign of many regions',
    inputs: { x: seeded('x', 1, 2, 48, 48), r: regionsOver(700, 1, 192) },
    forward: (_, { x, r }) => F.roiAlign(x, r, align),
  }),
];
