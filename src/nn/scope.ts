import type { Shape } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import { foundIn } from '../validate.ts';
import { checkChannels, checkOperation, checkShape } from './attributes.ts';
import type { Graph, Node } from './graph.ts';
import type { Attributes, Op, Operands, Operation, Parameter, ParameterKind } from './ops.ts';

/** A map N×C×H×W of a model being recorded. It knows its channels only: batch, height and width are decided by a run. */
export interface Value {
  readonly channels: number;
}

/** A parameter of a model being recorded, to be passed to an operation. */
export interface ParameterValue {
  readonly shape: Shape;
  /** The shape in which operations take it, if that is another one. */
  readonly view?: Shape | undefined;
}

/** The inside of both: a node of a recording. */
interface Reference {
  readonly recording: Recording;
  readonly id: number;
}

// Model code sees values only by their channels. All casts between a value and its node are in these two functions.
const asValue = (reference: Reference & { channels: number }): Value => reference;
const referenceOf = (value: Value | ParameterValue): Reference => value as unknown as Reference;

/** A module of the official state dict: its path is the prefix of the keys, letter for letter. */
export class Scope {
  constructor(
    readonly recording: Recording,
    readonly path: string,
  ) {}

  /** The scope of a child module: `scope.at('blocks').at(0)` is `blocks.0`, and so is `scope.at('blocks.0')`. */
  at(name: string | number): Scope {
    return new Scope(this.recording, this.path ? `${this.path}.${name}` : `${name}`);
  }

  /**
   * Returns the parameter `name` of this module; asking twice gives the same one.
   *
   * @param view the shape in which operations take the same numbers, if that is not the checkpoint's (`Parameter.view`)
   */
  parameter(name: string, shape: Shape, kind: ParameterKind = 'parameter', view?: Shape): ParameterValue {
    const { path: key } = this.at(name);
    if (!Array.isArray(shape))
      throw new ShapeError(`${key}: the shape of a parameter is a list, got ${foundIn(shape)}.`);
    return this.recording.parameter(view ? { key, shape, kind, view } : { key, shape, kind });
  }

  /**
   * Makes this path another name of a module that has been recorded, as if PyTorch code had assigned one module to two attributes:
   * its parameters are in the state dict twice.
   */
  alias(module: Scope): void {
    this.recording.alias(this.path, module.path);
  }
}

/** Published models have a few thousand. A configuration from a file must not cause unlimited work. */
const mostNodes = 100_000;

/** Collects nodes while a model's functions run. */
export class Recording {
  /** @internal The number of recordings of this process: a test shows with it that a model is recorded once. */
  static count = 0;

  private readonly nodes: Node[] = [];
  private readonly taps: Record<string, number> = Object.create(null);
  private readonly parameters = new Map<string, ParameterValue>();
  private readonly entered: string[] = [];

  constructor() {
    Recording.count++;
  }

  /** Appends a node. With a scope the node is that module; without, a step of the module that is running. */
  push<K extends Op>(
    op: K,
    inputs: Operands<Value, ParameterValue>[K],
    attributes: Attributes[K],
    channels: number,
    scope?: Scope,
  ): Value {
    const path = scope ? scope.path : `${this.entered.at(-1) ?? ''}:${op}`;
    const ids = listed(inputs).map((input) => {
      const { recording, id } = referenceOf(input);
      if (recording !== this) throw new ShapeError(`${path}: an input of ${op} was recorded in another model.`);
      return id;
    });
    if (op === 'input') checkChannels(path, op, channels);
    else if (op !== 'param') checkOperation(path, op as Operation, listed(inputs), attributes as never, channels);
    const id = this.nodes.length;
    if (id >= mostNodes) {
      throw new ShapeError(`${path}: the model has more than ${mostNodes} operations. Check the numbers of layers.`);
    }
    this.nodes.push({ id, op, inputs: ids, attributes, path, channels } as unknown as Node); // ids in place of the values
    return asValue({ recording: this, id, channels });
  }

  parameter(parameter: Parameter): ParameterValue {
    const { key, shape, view } = parameter;
    const known = this.parameters.get(key);
    if (known) {
      if (known.shape.join() !== shape.join()) {
        throw new ShapeError(`${key}: asked for as [${known.shape.join(', ')}] and as [${shape.join(', ')}].`);
      }
      return known;
    }
    const { id } = referenceOf(this.push('param', [], parameter, 0, new Scope(this, key)));
    const value: ParameterValue & Reference = { recording: this, id, shape, view };
    this.parameters.set(key, value);
    return value;
  }

  alias(name: string, path: string): void {
    for (const [key, { shape }] of [...this.parameters]) {
      if (!key.startsWith(`${path}.`)) continue;
      this.parameter({ key: name + key.slice(path.length), shape, kind: 'ignored', aliasOf: key });
    }
  }

  /** Runs a module's body and remembers its input and output under the module's path. */
  module<R>(scope: Scope, input: unknown, body: () => R): R {
    let name = scope.path;
    for (let call = 2; `${name}:in` in this.taps; call++) name = `${scope.path}#${call}`;
    this.tap(`${name}:in`, input);
    this.entered.push(scope.path);
    try {
      const output = body();
      this.tap(name, output);
      return output;
    } finally {
      this.entered.pop();
    }
  }

  /**
   * Remembers a module's input or output by its node. A list has no single node: as an input it gets `-1`, which only marks that the
   * module was called, so that the next call is `path#2`. `finish` drops these marks.
   */
  private tap(name: string, value: unknown): void {
    if (isReference(value)) this.taps[name] = value.id;
    else if (name.endsWith(':in')) this.taps[name] = -1;
  }

  finish(inputs: Record<string, Value>, outputs: Record<string, Value>): Graph {
    // the operations that take a parameter have told what is wrong by their attributes
    for (const [key, { shape }] of this.parameters) checkShape(key, shape);
    const ids = (values: Record<string, Value>) =>
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => {
          if (!isReference(value)) throw new ShapeError(notAValue(name, 'the output', value));
          return [name, value.id];
        }),
      );
    const taps = Object.fromEntries(Object.entries(this.taps).filter(([, id]) => id >= 0));
    return { nodes: this.nodes, inputs: ids(inputs), outputs: ids(outputs), taps };
  }
}

/** The inputs of an operation as a list. */
const listed = <K extends Op>(inputs: Operands<Value, ParameterValue>[K]) =>
  inputs as readonly unknown[] as readonly (Value | ParameterValue)[];

/** `head.score: x is undefined, not a value of the model. …` */
const notAValue = (path: string, what: string, found: unknown): string =>
  `${path}: ${what} is ${kindOf(found)}, not a value of the model. ` +
  'Is an index past the end of the pyramid, or does a function not return its result?';

function kindOf(found: unknown): string {
  if (found instanceof Scope) return `the scope "${found.path}"`;
  return found === undefined || found === null ? `${found}` : `of type ${typeof found}`;
}

/** Checks what a user of the package is likely to get wrong first. @throws ShapeError that shows how a module is called */
function checkCall(scope: unknown, x: unknown): void {
  if (!(scope instanceof Scope)) {
    const found = isReference(scope) ? 'the value came first' : `the first argument is ${kindOf(scope)}`;
    throw new ShapeError(
      `a layer takes (scope, x, …), but ${found}. Pass its scope, relu(scope.at('act'), x), or use the operation, ` +
        'which needs no scope: F.relu(x).',
    );
  }
  if (x === undefined || x === null || x instanceof Scope) throw new ShapeError(notAValue(scope.path, 'x', x));
}

function isReference(value: unknown): value is Reference {
  return typeof value === 'object' && value !== null && 'recording' in value && 'id' in value;
}

/** Returns the channels of an operation's input. @throws ShapeError if that is not a value */
export function channelsOf(x: Value, op: Op): number {
  if (!isReference(x)) throw new ShapeError(notAValue(op, 'an input', x));
  return x.channels;
}

/**
 * Records an operation on values of one recording.
 *
 * @throws ShapeError that names the input that is not a value
 */
export function record<K extends Operation>(
  op: K,
  inputs: Operands<Value, ParameterValue>[K],
  attributes: Attributes[K],
  channels: number,
  scope?: Scope,
): Value {
  for (const [i, input] of listed(inputs).entries()) {
    if (!isReference(input)) throw new ShapeError(notAValue(scope?.path || op, `input ${i} of ${op}`, input));
  }
  const [first] = inputs;
  return referenceOf(first).recording.push(op, inputs, attributes, channels, scope);
}

/**
 * Marks a function as a node of the official module tree. Its path names costs and test taps, and its output is what
 * PyTorch's module of that name returns. Any other step is an ordinary function.
 *
 * @typeParam F `(scope, x, ...options)`, which stays as it is
 */
export function module<F extends (scope: Scope, x: never, ...rest: never[]) => unknown>(body: F): F {
  const marked = (scope: Scope, x: never, ...rest: never[]) => {
    checkCall(scope, x);
    return scope.recording.module(scope, x, () => body(scope, x, ...rest));
  };
  return marked as F; // the same parameters and result, which a generic wrapper cannot say
}
