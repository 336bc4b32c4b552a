import type { Shape } from '../arrays.ts';
import { ShapeError } from '../errors.ts';
import type { Graph, Node } from './graph.ts';
import type { Attributes, Op, Parameter, ParameterKind } from './ops.ts';

/** A map N×C×H×W of a model being recorded. It knows its channels and nothing else: batch, height and width are whatever comes in. */
export interface Value {
  readonly channels: number;
}

/** A parameter of a model being recorded, to be handed to an operation. */
export interface ParameterValue {
  readonly shape: Shape;
}

/** What both kinds are inside: a node of a recording. */
interface Place {
  readonly recording: Recording;
  readonly id: number;
}

// The only two doors between the opaque values of model code and the recording.
const asValue = (place: Place & { channels: number }): Value => place;
const placeOf = (value: Value | ParameterValue): Place => value as unknown as Place;

/** A place in the official state dict: its path is the prefix of the keys, letter for letter. */
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
   * The parameter `name` of this module; asking twice gives the same one.
   *
   * @param view the shape in which operations take it, where it is not the checkpoint's
   */
  parameter(name: string, shape: Shape, kind: ParameterKind = 'parameter', view?: Shape): ParameterValue {
    return this.recording.parameter({ key: this.at(name).path, shape, kind, ...(view && { view }) });
  }

  /** Says that this place is another name of a module that has been recorded: its parameters are in the state dict twice. */
  alias(module: Scope): void {
    this.recording.alias(this.path, module.path);
  }
}

/** The largest model that is published has a few thousand; a configuration from a file must not order work without end. */
const mostNodes = 100_000;

/** Collects nodes while a model's functions run. */
export class Recording {
  /** @internal The number of recordings of this process: a test shows with it that a model is recorded once. */
  static count = 0;

  private readonly nodes: Node[] = [];
  private readonly taps: Record<string, number> = Object.create(null);
  private readonly parameters = new Map<string, ParameterValue>();
  private readonly entered: string[] = [''];

  constructor() {
    Recording.count++;
  }

  /** Appends a node. With a scope the node is that module; without, a step of the module that is running. */
  push<K extends Op>(
    op: K,
    inputs: readonly (Value | ParameterValue)[],
    attributes: Attributes[K],
    channels: number,
    scope?: Scope,
  ): Value {
    const within = this.entered[this.entered.length - 1]!;
    const path = scope ? scope.path : `${within}:${op}`;
    const ids = inputs.map((input) => {
      const place = placeOf(input);
      if (place.recording !== this) throw new ShapeError(`${path}: an input of ${op} was recorded in another model.`);
      return place.id;
    });
    const id = this.nodes.length;
    if (id >= mostNodes) {
      throw new ShapeError(`${path}: a model of more than ${mostNodes} operations. Is a number of layers right?`);
    }
    this.nodes.push({ id, op, inputs: ids, attributes, path, channels } as Node);
    return asValue({ recording: this, id, channels });
  }

  parameter(parameter: Parameter): ParameterValue {
    const { key, shape } = parameter;
    const known = this.parameters.get(key);
    if (known) {
      if (known.shape.join() !== shape.join()) {
        throw new ShapeError(`${key}: asked for as [${known.shape.join(', ')}] and as [${shape.join(', ')}].`);
      }
      return known;
    }
    const { id } = placeOf(this.push('param', [], parameter, 0, new Scope(this, key)));
    const value: ParameterValue & Place = { recording: this, id, shape };
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

  /** A list is no tap: as an input it only marks that the module was called. */
  private tap(name: string, value: unknown): void {
    if (isPlace(value)) this.taps[name] = value.id;
    else if (name.endsWith(':in')) this.taps[name] = -1;
  }

  finish(inputs: Record<string, Value>, outputs: Record<string, Value>): Graph {
    const ids = (values: Record<string, Value>) =>
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => {
          if (!isPlace(value)) throw new ShapeError(noValue(name, 'the output', value));
          return [name, placeOf(value).id];
        }),
      );
    const taps = Object.fromEntries(Object.entries(this.taps).filter(([, id]) => id >= 0));
    return { nodes: this.nodes, inputs: ids(inputs), outputs: ids(outputs), taps };
  }
}

/** `head.score: x is undefined, not a value of the model. …` */
const noValue = (path: string, what: string, found: unknown): string =>
  `${path}: ${what} is ${kindOf(found)}, not a value of the model. Is an index past the end of the pyramid, or a result not returned?`;

function kindOf(found: unknown): string {
  if (found instanceof Scope) return `the scope "${found.path}"`;
  return found === undefined || found === null ? `${found}` : `of type ${typeof found}`;
}

/** What a user of the package is likely to get wrong first. @throws ShapeError saying how a module is called */
function checkCall(scope: unknown, x: unknown): void {
  if (!(scope instanceof Scope)) {
    const found = isPlace(scope) ? 'the value came first' : `the first argument is ${kindOf(scope)}`;
    throw new ShapeError(
      `a layer takes (scope, x, …), but ${found}. Give it a place in the checkpoint, relu(scope.at('act'), x), or take ` +
        'the operation, which needs none: F.relu(x).',
    );
  }
  if (x === undefined || x === null || x instanceof Scope) throw new ShapeError(noValue(scope.path, 'x', x));
}

function isPlace(value: unknown): value is Place {
  return typeof value === 'object' && value !== null && 'recording' in value && 'id' in value;
}

/** The channels of what an operation is given. @throws ShapeError where that is no value */
export function channelsOf(x: Value, op: Op): number {
  if (!isPlace(x)) throw new ShapeError(noValue(op, 'an input', x));
  return x.channels;
}

/**
 * Records an operation on values of one recording.
 *
 * @throws ShapeError naming the input that is no value
 */
export function record<K extends Op>(
  op: K,
  inputs: readonly [Value, ...(Value | ParameterValue)[]],
  attributes: Attributes[K],
  channels: number,
  scope?: Scope,
): Value {
  inputs.forEach((input, i) => {
    if (!isPlace(input)) throw new ShapeError(noValue(scope?.path || op, `input ${i} of ${op}`, input));
  });
  return placeOf(inputs[0]).recording.push(op, inputs, attributes, channels, scope);
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
