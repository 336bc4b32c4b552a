import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import {
  conv2d,
  convTranspose2d,
  F,
  type InputExtent,
  linear,
  map,
  type Part,
  recordPart,
  regions,
  type Scope,
  shapesOf,
  type Value,
} from '../../src/nn/index.ts';
import { shapeAt } from '../../src/nn/shapes.ts';

type Forward = (scope: Scope, inputs: Readonly<Record<'x' | 'small' | 'boxes', Value>>) => Value;

const part = (forward: Forward): Part<'x' | 'small' | 'boxes'> => ({
  name: 'test',
  inputs: { x: map(4), small: map(4), boxes: regions },
  forward: (scope, inputs) => ({ y: forward(scope, inputs) }),
});

const extents = {
  x: { batch: 2, height: 9, width: 12 },
  small: { batch: 2, height: 5, width: 6 },
  boxes: { batch: 7 },
};

function shapeOf(forward: Forward, given: Readonly<Record<string, InputExtent>> = extents): string {
  const graph = recordPart(part(forward));
  const { batch, channels, height, width } = shapeAt(shapesOf(graph, given), graph.outputs.y ?? -1);
  return `${batch}×${channels}×${height}×${width}`;
}

describe('shapes', () => {
  it('of a window go by PyTorch’s floor, padding on both sides', () => {
    expect(shapeOf((s, { x }) => conv2d(s, x, 6, { kernel: 3, stride: 2 }))).to.equal('2×6×5×6');
    expect(shapeOf((s, { x }) => conv2d(s, x, 6, { kernel: 5, dilation: 2, padding: 0 }))).to.equal('2×6×1×4');
    expect(shapeOf((_, { x }) => F.maxPool(x, { kernel: 3, stride: 2, padding: 1 }))).to.equal('2×4×5×6');
    expect(shapeOf((s, { x }) => convTranspose2d(s, x, 3, { kernel: 4, stride: 2, padding: 1 }))).to.equal('2×3×18×24');
    const padded = { kernel: 3, stride: 2, padding: 1, outputPadding: 1 };
    expect(shapeOf((s, { x }) => convTranspose2d(s, x, 3, padded))).to.equal('2×3×18×24');
  });

  it('of a resize are those of the other value, or a multiple', () => {
    expect(shapeOf((_, { x, small }) => F.resize(small, { like: x }))).to.equal('2×4×9×12');
    expect(shapeOf((_, { small }) => F.resize(small, { factor: 3 }))).to.equal('2×4×15×18');
  });

  it('of regions have their number as the batch, which may be 0', () => {
    const pool: Forward = (_, { x, boxes }) =>
      F.roiAlign(x, boxes, {
        outputSize: { height: 7, width: 5 },
        spatialScale: 0.25,
        samplingRatio: 0,
        aligned: true,
      });
    expect(shapeOf(pool)).to.equal('7×4×7×5');
    expect(shapeOf(pool, { ...extents, boxes: { batch: 0 } })).to.equal('0×4×7×5');
    expect(shapeOf((_, inputs) => F.concat([pool(_, inputs), pool(_, inputs)], 'batch'))).to.equal('14×4×7×5');
  });

  it('of sums stretch extents of 1', () => {
    expect(shapeOf((_, { x }) => F.sub(x, F.globalAvgPool(x)))).to.equal('2×4×9×12');
    expect(shapeOf((_, { x }) => F.add(F.globalAvgPool(x), x))).to.equal('2×4×9×12');
  });

  it('of pools are their bins', () => {
    expect(shapeOf((_, { x }) => F.adaptiveAvgPool(x, { height: 20, width: 1 }))).to.equal('2×4×20×1');
  });

  describe('that do not fit are refused with the module’s path', () => {
    const refusals: readonly [what: string, forward: Forward, message: string][] = [
      ['a sum', (_, { x, small }) => F.add(x, small), ':add: add needs equal sizes, got 4×9×12 and 4×5×6.'],
      [
        'a concatenation',
        (_, { x, small }) => F.concat([x, small!]),
        ':concat: concat needs equal sizes, got 4×9×12 and 4×5×6.',
      ],
      [
        'a linear layer',
        (s, { x }) => linear(s.at('head.fc'), x, 3, 7),
        'head.fc: linear takes 196 features, got 4×9×12.',
      ],
      [
        'a window larger than the map',
        (s, { x }) => conv2d(s.at('stem.0'), x, 2, { kernel: 11, padding: 0 }),
        'stem.0: conv2d of 4×9×12 leaves -1×2. Use a larger image.',
      ],
    ];
    for (const [what, forward, message] of refusals) {
      it(what, () => {
        expect(() => shapeOf(forward)).to.throw(ShapeError, message);
      });
    }

    it('an input without a size', () => {
      expect(() => shapeOf((_, { x }) => x, { x: extents.x })).to.throw(
        ShapeError,
        'no size was given for the input "small".',
      );
    });
  });

  describe('while recording', () => {
    const refusals: readonly [what: string, forward: Forward, message: string][] = [
      ['a sum of other channels', (_, { x, boxes }) => F.add(x, boxes), 'add needs equal channels, or 1, got 4 and 5.'],
      [
        'a slice beyond the end',
        (_, { x }) => F.slice(x, 2, 5),
        'slice of channels 2 to 5 does not lie within the 4 channels.',
      ],
      ['nothing to concatenate', () => F.concat([]), 'concat needs at least one value.'],
      [
        'a batch of other channels',
        (_, { x, boxes }) => F.concat([x, boxes!], 'batch'),
        'concat along the batch needs equal channels, got 4, 5.',
      ],
      [
        'groups that do not divide',
        (s, { x }) => conv2d(s.at('conv'), x, 6, { kernel: 1, groups: 4 }),
        'conv: 4 groups do not divide 4 → 6 channels.',
      ],
    ];
    for (const [what, forward, message] of refusals) {
      it(`refuses ${what}`, () => {
        expect(() => recordPart(part(forward))).to.throw(ShapeError, message);
      });
    }
  });
});
