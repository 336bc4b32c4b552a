import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Named, NDArray, Shape, Weights } from '../../../src/arrays.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import {
  type Engine,
  F,
  type Graph,
  map,
  type Part,
  parameterCount,
  parametersOf,
  recordPart,
  type Value,
  withTaps,
} from '../../../src/nn/index.ts';
import { passes } from '../../../src/nn/optimise/index.ts';
import { type Difference, type GoldenCase, GoldenMismatch, inputOf, weightsFor } from '../golden.ts';
import { type BackboneKind, backboneKind, inOurLayout, type ModelSpec, weightsInOurLayout } from './backbone_kinds.ts';
import { expectMap, runGraph } from './run_graph.ts';

/** Runners for cases of whole networks on any engine. Everything is read from the case's JSON. */

/** Called with the distance of every tensor that was compared and found equal. */
export type Report = (tensor: string, difference: Difference) => void;

/** Returns runners by the case's `type` (backbones) or `kind` (heads). */
export function networkRunners(
  engine: Engine,
  report: Report = () => {},
): Record<string, (golden: GoldenCase) => Promise<void>> {
  return {
    forward: (golden) => runForward(golden, engine, report),
    trace: (golden) => runTrace(golden, engine, report),
    train: async () => {
      throw new UnsupportedError('training is not supported yet');
    },
    resize: (golden) => runResize(golden, engine, report),
  };
}

/** The key list of a backbone, as in `keys/*.json`. */
export interface KeyList {
  readonly name: string;
  readonly model: ModelSpec;
  readonly param_count: number;
  readonly keys: readonly (readonly [key: string, shape: Shape, dtype: string])[];
}

/** Returns the part of a network: its stages, and logits if it classifies. */
export const networkOf = (spec: ModelSpec, name = ''): Part => partOf(backboneKind(spec, name));

/** Returns the part of a network whose kind is known. */
export function partOf({ backbone, classes }: BackboneKind): Part {
  const named = (pyramid: readonly Value[]) => Object.fromEntries(pyramid.map((x, i) => [`stage${i + 1}`, x]));
  return {
    name: 'network',
    inputs: { input: map(backbone.imageChannels ?? 3) },
    forward: (scope, { input }) => {
      if (classes === 0 || !('classify' in backbone)) return named(backbone.forward(scope, input!));
      const { logits, pyramid } = backbone.classify(scope, input!, classes);
      return { logits, ...named(pyramid) };
    },
  };
}

export const keyList = (folder: string, name: string): KeyList =>
  JSON.parse(readFileSync(join(folder, 'keys', `${name}.json`), 'utf8'));

/** Returns the network of a case and its weights. They are made under the list's names and returned under ours. */
function networkAndWeights({ folder, json }: GoldenCase): { graph: Graph; weights: Weights } {
  const { keys: name, salt, gain } = json.weights;
  const kind = backboneKind(json.model, name);
  const weights = weightsFor(keyList(folder, name).keys, { salt, gain });
  const { outputs, ...graph } = recordPart(partOf(kind));
  const tapped = Object.entries(kind.taps ?? {}).map(([tensor, path]) => [tensor, graph.taps[path]!]);
  return {
    graph: { ...graph, outputs: { ...outputs, ...Object.fromEntries(tapped) } },
    weights: weightsInOurLayout(weights, kind.layouts),
  };
}

async function runForward(golden: GoldenCase, engine: Engine, report: Report): Promise<void> {
  const { graph, weights } = networkAndWeights(golden);
  const input = await inputOf(golden, 'input');
  for (const chosen of [[], passes]) {
    const names = [...golden.tensors.keys()];
    await expectOutputs(golden, names, await runGraph(engine, graph, weights, { input }, chosen), report);
  }
}

/**
 * Runs the graph as recorded, since passes fold modules away. The case lists tensors in the order of the forward pass.
 */
async function runTrace(golden: GoldenCase, engine: Engine, report: Report): Promise<void> {
  const { graph, weights } = networkAndWeights(golden);
  const names = [...golden.tensors.keys()];
  const strange = names.find((name) => !(name in graph.taps) && !(name in graph.outputs));
  if (strange) throw new GoldenMismatch(`${strange}: the model has no module of this name`);
  const tapped = withTaps(
    graph,
    names.filter((name) => name in graph.taps),
  );
  const outputs = await runGraph(engine, tapped, weights, { input: await inputOf(golden, 'input') }, []);
  await expectOutputs(golden, names, outputs, report);
}

const resizers: Readonly<Record<string, (x: Value, like: Value) => Value>> = {
  bilinear_hp: (x, like) => F.resize(x, { like }),
  bilinear_ac: (x, like) => F.resize(x, { like }, { alignCorners: true }),
  nearest: (x, like) => F.resize(x, { like }, { mode: 'nearest' }),
};

/** Runs resizes. The names of tensors tell the way (`bilinear_hp_13x17`, `adaptive_avg_6`), their shapes the size. */
async function runResize(golden: GoldenCase, engine: Engine, report: Report): Promise<void> {
  const input = await inputOf(golden, 'input');
  for (const { name, shape } of golden.tensors.values()) {
    const [, channels, height, width] = shape as [number, number, number, number];
    const way = name.slice(0, name.lastIndexOf('_'));
    const resizer = way === 'adaptive_avg' ? (x: Value) => F.adaptiveAvgPool(x, { height, width }) : resizers[way];
    if (!resizer) throw new UnsupportedError(`resizing by "${way}" is not supported yet`);
    const graph = recordPart({
      name,
      inputs: { input: map(channels), like: map(1) },
      forward: (_, { input: x, like }) => ({ [name]: resizer(x!, like!) }),
    });
    const like = { shape: [1, 1, height, width], data: new Float32Array(height * width) };
    const outputs = await runGraph(engine, graph, new Map(), { input, like }, passes);
    await expectOutputs(golden, [name], outputs, report);
  }
}

async function expectOutputs(
  golden: GoldenCase,
  names: readonly string[],
  outputs: Named<NDArray>,
  report: Report,
): Promise<void> {
  for (const name of names) {
    const actual = outputs[name];
    if (!actual) throw new GoldenMismatch(`${name}: the model has no such output`);
    report(name, await expectMap(golden, name, actual));
  }
}

/** Compares keys and shapes as sets, and the number of parameters. */
export function expectKeys(list: KeyList): void {
  const kind = backboneKind(list.model, list.name);
  const graph = recordPart(partOf(kind));
  const text = (key: string, shape: Shape) => `${key} [${shape.join(', ')}]`;
  const actual = new Set(parametersOf(graph).map(({ key, shape }) => text(key, shape)));
  const expected = new Set(inOurLayout(list.keys, kind.layouts).map(([key, shape]) => text(key, shape)));
  const missing = [...expected].find((entry) => !actual.has(entry));
  if (missing) throw new GoldenMismatch(`${list.name}: ${missing} is missing`);
  const absent = (entry: string) => kind.absent?.test(entry.split(' ')[0]!) ?? false;
  const strange = [...actual].find((entry) => !expected.has(entry) && !absent(entry));
  if (strange) throw new GoldenMismatch(`${list.name}: ${strange} is not in the list`);
  expectEqual(`${list.name}: parameters`, parameterCount(graph), list.param_count);
}

export function expectEqual<T extends number | string>(what: string, actual: T, expected: T): void {
  if (actual !== expected) throw new GoldenMismatch(`${what}: ${actual}, expected ${expected}`);
}
