import { expect } from 'chai';
import { ShapeError } from '../../src/errors.ts';
import { type CheckedInput, checkOperation, rules } from '../../src/nn/attributes.ts';
import { inputsOf, type Node, nodeAt } from '../../src/nn/graph.ts';
import {
  conv2d,
  convTranspose2d,
  F,
  groupNorm,
  linear,
  map,
  mixPositions,
  pointwise,
  recordPart,
  regions,
  type Scope,
  shapesOf,
  type Value,
} from '../../src/nn/index.ts';
import type { Operation } from '../../src/nn/ops.ts';
import { operationCases } from '../harness/operation_cases.ts';
import { graphOf } from '../harness/operations.ts';

/** A recorded operation of each kind, with what it was recorded from. */
const samples = new Map<Operation, { readonly node: Node<Operation>; readonly inputs: readonly CheckedInput[] }[]>();
for (const graph of operationCases.map(graphOf)) {
  for (const node of graph.nodes) {
    if (node.op === 'input' || node.op === 'param') continue;
    const inputs = inputsOf(node).map((id): CheckedInput => {
      const input = nodeAt(graph, id);
      return input.op === 'param' ? input.attributes : { channels: input.channels };
    });
    const list = samples.get(node.op) ?? [];
    samples.set(node.op, [...list, { node, inputs }]);
  }
}

const check = (node: Node<Operation>, inputs: readonly CheckedInput[], attributes: object, channels = node.channels) =>
  checkOperation('stem.layer', node.op, inputs, attributes as never, channels);

/** No attribute may be any of these. */
const wrong: readonly unknown[] = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  -0.5,
  '3',
  null,
  [],
  { height: Number.NaN, width: 1 },
  { height: 1, width: 1.5 },
  { height: -1, width: 1 },
  { height: 1 },
];

describe('the table of attributes', () => {
  for (const [op, rule] of Object.entries(rules) as [Operation, { readonly attributes: Record<string, unknown> }][]) {
    const list = samples.get(op) ?? [];

    it(`takes every case of ${op}`, () => {
      expect(list).to.not.have.length(0);
      for (const { node, inputs } of list) check(node, inputs, node.attributes);
    });

    for (const name of Object.keys(rule.attributes)) {
      it(`refuses a wrong ${name} of ${op}, by its path`, () => {
        for (const { node, inputs } of list.slice(0, 1)) {
          for (const value of wrong) {
            expect(() => check(node, inputs, { ...node.attributes, [name]: value }), `${value}`).to.throw(
              ShapeError,
              new RegExp(`^stem\\.layer: ${op}: ${name} must be .*, got `),
            );
          }
        }
      });
    }

    it(`refuses an attribute that ${op} does not have`, () => {
      for (const { node, inputs } of list.slice(0, 1)) {
        expect(() => check(node, inputs, { ...node.attributes, kernal: 3 })).to.throw(ShapeError, /"kernal"/);
      }
    });

    it(`refuses ${op} without channels`, () => {
      for (const { node, inputs } of list.slice(0, 1)) {
        for (const channels of [0, 1.5, Number.NaN]) {
          expect(() => check(node, inputs, node.attributes, channels)).to.throw(ShapeError, /channels must be/);
        }
      }
    });

    it(`refuses a parameter of ${op} of another size`, () => {
      for (const { node, inputs } of list) {
        for (const [i, { shape, view }] of inputs.entries()) {
          if (!shape) continue;
          const longer = [...(view ?? shape)];
          longer[0] = (longer[0] ?? 0) + 1;
          const changed = inputs.map((input, j) => (i === j ? { shape: longer } : input));
          expect(() => check(node, changed, node.attributes)).to.throw(ShapeError, /^stem\.layer: \w+: parameter \d/);
        }
      }
    });
  }
});

const forward =
  (record: (scope: Scope, x: Value, boxes: Value) => Value, channels = 6) =>
  () =>
    recordPart({
      name: 'net',
      inputs: { x: map(channels), boxes: regions },
      forward: (scope, { x, boxes }) => ({ y: record(scope.at('layer'), x, boxes) }),
    });

describe('recording an operation', () => {
  const align = { outputSize: { height: 2, width: 2 }, spatialScale: 1, samplingRatio: 0, aligned: true };
  const refused: Record<string, readonly [() => unknown, RegExp]> = {
    'groups that do not divide': [forward((s, x) => groupNorm(s, x, 4)), /^layer: groupNorm: 4 groups .* 6 channels/],
    'a kernel of 0': [forward((s, x) => conv2d(s, x, 6, { kernel: 0 })), /^layer: conv2d: kernel must .*least 1/],
    'a stride of 0': [forward((s, x) => conv2d(s, x, 6, { kernel: 1, stride: 0 })), /^layer: conv2d: stride/],
    'a dilation of 0': [forward((s, x) => conv2d(s, x, 6, { kernel: 1, dilation: 0 })), /^layer: conv2d: dilation/],
    'a negative padding': [forward((s, x) => conv2d(s, x, 6, { kernel: 3, padding: -1 })), /^layer: conv2d: padding/],
    'half a kernel': [forward((s, x) => conv2d(s, x, 6, { kernel: 2.5 })), /^layer: conv2d: kernel .*whole/],
    'groups of 0': [forward((s, x) => conv2d(s, x, 6, { kernel: 1, groups: 0 })), /^layer: .*0 groups/],
    'no channels': [forward((s, x) => conv2d(s, x, 0, { kernel: 1 })), /^layer: conv2d: channels/],
    'an input without channels': [forward((_, x) => F.relu(x), 0), /^x: input: channels/],
    'a stride of 0 back': [
      forward((s, x) => convTranspose2d(s, x, 6, { kernel: 2, stride: 0 })),
      /^layer: convTranspose2d: stride/,
    ],
    'an output padding of a whole stride': [
      forward((s, x) => convTranspose2d(s, x, 6, { kernel: 3, stride: 2, outputPadding: 2 })),
      /^layer: convTranspose2d: an output padding of 2×2 is not less than the stride 2×2/,
    ],
    'padding beyond half the kernel': [
      forward((_, x) => F.maxPool(x, { kernel: 3, padding: 2 })),
      /:maxPool: .*padding of 2×2 .*half of the kernel 3×3/,
    ],
    'a mean of padding only': [forward((_, x) => F.avgPool(x, { kernel: 2, padding: 2 })), /avgPool: .*half/],
    'a factor of 1.5': [forward((_, x) => F.resize(x, { factor: 1.5 })), /resize: factor must be a whole number/],
    'a factor of 0': [forward((_, x) => F.resize(x, { factor: 0 })), /resize: factor/],
    'a scale of another size': [
      forward((s, x) => F.scale(x, s.parameter('weight', [1, 5, 1, 1]))),
      /scale: parameter 1 must be of shape \[1, 6, 1, 1\], got \[1, 5, 1, 1\]/,
    ],
    'pooling by something else than regions': [forward((_, x) => F.roiAlign(x, x, align)), /roiAlign: regions have 5/],
    'no bins': [
      forward((_, x, boxes) => F.roiAlign(x, boxes, { ...align, outputSize: { height: 0, width: 2 } })),
      /roiAlign: outputSize/,
    ],
    'heads of 0': [forward((_, x) => F.attention(x, 0)), /attention/],
    'half a position': [forward((s, x) => mixPositions(s, x, 2, 1.5)), /^layer: mixPositions: to must/],
    'a shift of half a pixel': [forward((_, x) => F.shift(x, { rows: 0.5 })), /shift: rows must be a whole number/],
    'a multiple of 0': [forward((_, x) => F.padToMultiple(x, 0)), /padToMultiple: multiple/],
    'a map in place of a parameter': [forward((_, x) => F.scale(x, x as never)), /scale: .*one map.*got 2 maps/],
    'a parameter without a shape': [
      forward((s, x) => F.scale(x, s.parameter('weight', 6 as never))),
      /^layer\.weight: .*list/,
    ],
    'half an extent of a parameter': [
      forward((s, x) => F.circularConv2d(x, s.parameter('weight', [6, 1, 1.5, 1]), 'height')),
      /^layer\.weight: the shape .*whole numbers/,
    ],
    'a list that is none': [forward(() => F.concat(7 as never)), /^concat takes a list of values, got 7/],
    'an axis of one value': [forward((_, x) => F.concat([x], 'rows' as never)), /^concat: axis must be .*got "rows"/],
    'no options of a window': [forward((_, x) => F.maxPool(x, undefined as never)), /^maxPool: options are .*got null/],
    'no options of attention': [
      forward((s, x) => F.windowAttention(x, { table: s.parameter('table', [9, 1]) }, null as never)),
      /^windowAttention: options are/,
    ],
    'no options of regions': [forward((_, x, boxes) => F.roiAlign(x, boxes, undefined as never)), /^roiAlign: options/],
    'a number in place of a size': [forward((_, x) => F.resize(x, 2 as never)), /^resize: options are .*got 2/],
    'a bigint of heads': [forward((_, x) => F.attention(x, 2n as never)), /^attention needs .* 2 heads/],
    'a bigint of bins': [forward((_, x) => F.adaptiveAvgPool(x, 2n as never)), /^an extent is a number .* not 2/],
    'a symbol of an axis': [
      forward((_, x) => F.concat([x, x], Symbol('rows') as never)),
      /^concat: axis .*Symbol\(rows\)/,
    ],
    'features of another map': [forward((s, x) => linear(s, x, 2.5)), /^layer: linear: channels/],
  };
  for (const [what, [recording, message]] of Object.entries(refused)) {
    it(`refuses ${what}, whatever the engine`, () => {
      expect(recording).to.throw(ShapeError, message);
    });
  }

  const huge: Record<string, (size: number) => () => unknown> = {
    'channels of conv2d': (size) => forward((s, x) => conv2d(s, x, size, { kernel: 1 })),
    'the kernel of conv2d': (size) => forward((s, x) => conv2d(s, x, 6, { kernel: size })),
    'the padding of conv2d': (size) => forward((s, x) => conv2d(s, x, 6, { kernel: 3, padding: size })),
    'the stride of convTranspose2d': (size) => forward((s, x) => convTranspose2d(s, x, 6, { kernel: 2, stride: size })),
    'features of linear': (size) => forward((s, x) => linear(s, x, size)),
    'channels of pointwise': (size) => forward((s, x) => pointwise(s, x, size)),
    'bins of adaptiveAvgPool': (size) => forward((_, x) => F.adaptiveAvgPool(x, size)),
    'the factor of resize': (size) => forward((_, x) => F.resize(x, { factor: size })),
    'the multiple of padToMultiple': (size) => forward((_, x) => F.padToMultiple(x, size)),
    'the rows of shift': (size) => forward((_, x) => F.shift(x, { rows: size })),
    'what mixPositions gives': (size) => forward((s, x) => mixPositions(s, x, 2, size)),
    'the output of roiAlign': (size) =>
      forward((_, x, boxes) => F.roiAlign(x, boxes, { ...align, outputSize: { height: size, width: size } })),
    'the samples of roiAlign': (size) =>
      forward((_, x, boxes) => F.roiAlign(x, boxes, { ...align, samplingRatio: size })),
    'a parameter that nothing uses': (size) =>
      forward((s, x) => {
        s.parameter('unused', [size, 2]);
        return x;
      }),
    'the channels of an input': (size) => forward((_, x) => F.relu(x), size),
  };
  for (const [what, recording] of Object.entries(huge)) {
    it(`refuses a number beyond all engines for ${what}`, () => {
      for (const size of [2 ** 31, 1e12, 1e300]) {
        expect(recording(size), `${size}`).to.throw(ShapeError, /at most \d+|within ±\d+/);
      }
    });
  }

  it('refuses maps of more values than any engine holds', () => {
    const graph = recordPart({
      name: 'net',
      inputs: { x: map(512) },
      forward: (_, { x }) => ({ y: F.adaptiveAvgPool(x, 65_536) }),
    });
    expect(() => shapesOf(graph, { x: { batch: 1, height: 8, width: 8 } })).to.throw(
      ShapeError,
      /1×512×65536×65536, more/,
    );
  });

  const misspelt: Record<string, readonly [() => unknown, RegExp]> = {
    conv2d: [
      forward((s, x) => conv2d(s, x, 6, { kernal: 3 } as never)),
      /^layer: conv2d: unknown option "kernal". Did you mean "kernel"/,
    ],
    convTranspose2d: [
      forward((s, x) => convTranspose2d(s, x, 6, { kernel: 2, strides: 2 } as never)),
      /^layer: convTranspose2d: unknown option "strides". Did you mean "stride"/,
    ],
    'a bias of convTranspose2d that is text': [
      forward((s, x) => convTranspose2d(s, x, 6, { kernel: 2, stride: 2, bias: 'no' } as never)),
      /bias must be true or false, got "no"/,
    ],
    pointwise: [forward((s, x) => pointwise(s, x, 6, { biass: true } as never)), /"biass". Did you mean "bias"/],
    'a bias that is text': [
      forward((s, x) => pointwise(s, x, 6, { bias: 'no' } as never)),
      /bias must be true or false, got "no"/,
    ],
    'a bias that is null': [
      forward((s, x) => conv2d(s, x, 6, { kernel: 1, bias: null } as never)),
      /bias must be true or false, got null/,
    ],
    maxPool: [forward((_, x) => F.maxPool(x, { kernel: 2, pading: 1 } as never)), /"pading". Did you mean "padding"/],
    resize: [forward((_, x) => F.resize(x, { factr: 2 } as never)), /"factr". Did you mean "factor"/],
    'resize’s options': [
      forward((_, x) => F.resize(x, { factor: 2 }, { alignCorner: true } as never)),
      /"alignCorner". Did you mean "alignCorners"/,
    ],
    roiAlign: [
      forward((_, x, boxes) => F.roiAlign(x, boxes, { ...align, samplingratio: 2 } as never)),
      /"samplingratio". Did you mean "samplingRatio"/,
    ],
    shift: [forward((_, x) => F.shift(x, { row: 1 } as never)), /"row". Did you mean "rows"/],
  };
  for (const [what, [recording, message]] of Object.entries(misspelt)) {
    it(`names a misspelt option of ${what}`, () => {
      expect(recording).to.throw(ShapeError, message);
    });
  }

  it('refuses sizes that are no sizes', () => {
    const graph = forward((_, x) => F.relu(x))();
    for (const size of [
      { batch: 1, height: Number.NaN, width: 2 },
      { batch: 1, height: 2, width: 0 },
      { batch: 1, height: 2.5, width: 2 },
      { batch: -1, height: 2, width: 2 },
      { batch: Number.NaN, height: 2, width: 2 },
    ]) {
      expect(() => shapesOf(graph, { x: size, boxes: { batch: 0 } })).to.throw(ShapeError, /"x" has whole extents/);
    }
  });
});
