import { type Named, type NDArray, ndarray, type Shape, sizeOf } from '../../src/arrays.ts';
import type { Scope, Value } from '../../src/nn/index.ts';
import { seededInput } from './seeded.ts';

/** A small case of an operation. A reader can check the expected answer by hand. */
export interface OperationCase<Input extends string = string> {
  readonly name: string;
  readonly inputs: Readonly<Record<Input, NDArray>>;
  /** By key. Missing ones are seeded. */
  readonly weights?: Named<NDArray> | undefined;
  forward(scope: Scope, inputs: Readonly<Record<Input, Value>>): Value;
  /** N×C×H×W. If missing, the engines are compared with each other. */
  readonly expected?: NDArray | undefined;
}

/** Lets the compiler infer the names of a case's inputs. */
export const withInputs = <Input extends string>(operation: OperationCase<Input>): OperationCase => operation;

/** Makes a case with one input `x`. */
export const of = (
  name: string,
  x: NDArray,
  forward: (scope: Scope, x: Value) => Value,
  rest: Pick<OperationCase, 'weights' | 'expected'> = {},
): OperationCase => withInputs({ name, inputs: { x }, forward: (scope, inputs) => forward(scope, inputs.x), ...rest });

/** Makes a case with two inputs. */
export const between = (
  name: string,
  a: NDArray,
  b: NDArray,
  forward: (a: Value, b: Value) => Value,
  expected?: NDArray,
): OperationCase =>
  withInputs({ name, inputs: { a, b }, forward: (_, inputs) => forward(inputs.a, inputs.b), expected });

export const array = (shape: Shape, ...values: number[]): NDArray => ndarray(shape, Float32Array.from(values));

/** Makes a map of one row and one channel. */
export const row = (...values: number[]): NDArray => array([1, 1, 1, values.length], ...values);

/** Makes 0, 1, 2, … in C order. */
export const ramp = (shape: Shape): NDArray => array(shape, ...Array(sizeOf(shape)).keys());

export const filled = (shape: Shape, value: number): NDArray => ({
  shape,
  data: new Float32Array(sizeOf(shape)).fill(value),
});

export const seeded = (name: string, ...shape: number[]): NDArray => seededInput(name, shape);
