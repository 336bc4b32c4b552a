import type * as tf from '@tensorflow/tfjs-core';
import type { Op, Operation } from '../../../nn/ops.ts';
import { type MapSize, runShader } from './program.ts';

/** Operations on single values, in GLSL: chains and trees of them become one program, or the end of a convolution's. */

/** Φ by erfc (Numerical Recipes' Chebyshev fit, 1.2e-7 of its value), so that the tail of negative numbers stays precise. */
const gelu = `
vec4 gelu(vec4 x) {
  vec4 z = abs(x) * 0.7071067811865476;
  vec4 t = 1.0 / (1.0 + 0.5 * z);
  vec4 tail = 0.5 * t * exp(-z * z - 1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 +
    t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277)))))))));
  return x * mix(1.0 - tail, tail, lessThan(x, vec4(0.0)));
}`;

const sigmoid = 'vec4 sigmoid(vec4 x) { return 1.0 / (1.0 + exp(-x)); }';
const silu = 'vec4 silu(vec4 x) { return x / (1.0 + exp(-x)); }';

/** As clamping it would be, but passing on what is not a number. */
const relu = 'vec4 relu(vec4 x) { return mix(x, vec4(0.0), lessThan(x, vec4(0.0))); }';
const hardsigmoid = `
vec4 hardsigmoid(vec4 x) {
  vec4 y = x + 3.0;
  y = mix(y, vec4(0.0), lessThan(y, vec4(0.0)));
  return mix(y, vec4(6.0), greaterThan(y, vec4(6.0))) / 6.0;
}`;

const functions = { gelu, sigmoid, silu, relu, hardsigmoid } as const;

interface Formula {
  /** The value, from those of the maps and of the parameters, all along the output. */
  readonly value: (maps: readonly string[], parameters: readonly string[]) => string;
  readonly uses?: keyof typeof functions;
}

const unary = (name: keyof typeof functions): Formula => ({ value: ([x]) => `${name}(${x})`, uses: name });

/** The operations that have a formula. Their kernels in `kernels.ts` say what they mean. */
const formulas: { readonly [K in Op]?: Formula } = {
  add: { value: ([a, b]) => `${a} + ${b}` },
  sub: { value: ([a, b]) => `${a} - ${b}` },
  mul: { value: ([a, b]) => `${a} * ${b}` },
  scale: { value: ([x], [factor]) => `${x} * ${factor}` },
  batchNorm: { value: ([x], [factor, shift]) => `${x} * ${factor} + ${shift}` },
  relu: unary('relu'),
  silu: unary('silu'),
  sigmoid: unary('sigmoid'),
  gelu: unary('gelu'),
  hardsigmoid: unary('hardsigmoid'),
  hardswish: { value: ([x]) => `${x} * hardsigmoid(${x})`, uses: 'hardsigmoid' },
};

export const isPointwise = (op: Op): boolean => formulas[op] !== undefined;

/** A tree of pointwise operations: `inputs` of a term are texture numbers, or terms before it. */
export interface Expression {
  readonly terms: readonly Term[];
  /** The number of textures that it reads beside `value`. */
  readonly textures: number;
}

export interface Term {
  readonly op: Operation;
  readonly maps: readonly Operand[];
  readonly parameters: readonly Operand[];
}

/** `source` is what the convolution before the expression gives. */
export type Operand = { readonly texture: number } | { readonly term: number } | 'source';

/** An expression in GLSL: the functions that it calls, and statements that end with `vec4 result`. */
export function glslOf({ terms, textures }: Expression): { names: string[]; functions: string; body: string } {
  const names = Array.from({ length: textures }, (_, i) => `E${i}`);
  const textOf = (operand: Operand): string => {
    if (operand === 'source') return 'source';
    return 'texture' in operand ? `e${operand.texture}` : `t${operand.term}`;
  };
  const used = new Set<string>();
  const lines = terms.map(({ op, maps, parameters }, i) => {
    const formula = formulas[op];
    if (!formula) throw new RangeError(`${op} is not a pointwise operation`);
    if (formula.uses) used.add(functions[formula.uses]);
    return `vec4 t${i} = ${formula.value(maps.map(textOf), parameters.map(textOf))};`;
  });
  const last = terms.length === 0 ? 'source' : `t${terms.length - 1}`;
  return {
    names,
    functions: [...used].join('\n'),
    body: [...names.map((name, i) => `vec4 e${i} = get${name}AtOutCoords();`), ...lines, `vec4 result = ${last};`].join(
      '\n  ',
    ),
  };
}

/** Computes an expression that reads nothing but textures, in the order of their numbers. */
export function pointwise(expression: Expression, inputs: readonly tf.Tensor[], outputShape: MapSize): tf.Tensor4D {
  const { names, functions, body } = glslOf(expression);
  return runShader({ inputs: names, functions, body }, inputs, outputShape);
}
