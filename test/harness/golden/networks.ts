import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NDArray, Shape, Weights } from '../../../src/arrays.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import {
  type Engine,
  F,
  type Graph,
  map,
  type Part,
  type Pass,
  parameterCount,
  parametersOf,
  passes,
  programOf,
  recordPart,
  type Value,
  withTaps,
} from '../../../src/nn/index.ts';
import { type Difference, expectTensor, type GoldenCase, GoldenMismatch, inputOf, weightsFor } from '../golden.ts';
import { type BackboneKind, backboneKind, inOurLayout, type ModelSpec, weightsInOurLayout } from './backbone_kinds.ts';

/** Runners for cases of whole networks, on any engine. Everything is read from the case's JSON. */

/** Called for every tensor that was compared and found equal, with its distance. */
export type Report = (tensor: string, difference: Difference) => void;

/** By the case's `type` (backbones) or `kind` (heads). */
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

/** The key list of one model, as `keys/*.json` holds it. */
export interface KeyList {
  readonly name: string;
  readonly model: ModelSpec;
  readonly param_count: number;
  readonly keys: readonly (readonly [key: string, shape: Shape, dtype: string])[];
}

/** Logits where the model classifies, and its stages. */
export const networkOf = (spec: ModelSpec, name = ''): Part => partOf(backboneKind(spec, name));

/** The same of a kind that is known already. */
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

/** The network of a case, and its weights under our names: they are made under the list's. */
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
    await expectOutputs(golden, names, await outputsOf(engine, graph, weights, chosen, { input }), report);
  }
}

/** On the graph as it was recorded: passes fold modules away. The case lists its tensors in the order of the forward pass. */
async function runTrace(golden: GoldenCase, engine: Engine, report: Report): Promise<void> {
  const { graph, weights } = networkAndWeights(golden);
  const names = [...golden.tensors.keys()];
  const strange = names.find((name) => !(name in graph.taps) && !(name in graph.outputs));
  if (strange) throw new GoldenMismatch(`${strange}: the model has no module of this name`);
  const tapped = withTaps(
    graph,
    names.filter((name) => name in graph.taps),
  );
  const outputs = await outputsOf(engine, tapped, weights, [], { input: await inputOf(golden, 'input') });
  await expectOutputs(golden, names, outputs, report);
}

const resizers: Readonly<Record<string, (x: Value, like: Value) => Value>> = {
  bilinear_hp: (x, like) => F.resize(x, { like }),
  bilinear_ac: (x, like) => F.resize(x, { like }, { alignCorners: true }),
  nearest: (x, like) => F.resize(x, { like }, { mode: 'nearest' }),
};

/** Tensors are called after how they were made (`bilinear_hp_13x17`, `adaptive_avg_6`); their size is their shape's. */
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
    const outputs = await outputsOf(engine, graph, new Map(), passes, { input, like });
    await expectOutputs(golden, [name], outputs, report);
  }
}

async function outputsOf(
  engine: Engine,
  graph: Graph,
  weights: Weights,
  chosen: readonly Pass[],
  inputs: Readonly<Record<string, NDArray>>,
): Promise<Map<string, NDArray>> {
  const runner = await engine.load(programOf('golden', graph, weights, chosen));
  try {
    const outputs = new Map<string, NDArray>();
    for (const [name, resident] of Object.entries(await runner.run(inputs))) {
      outputs.set(name, await resident.read());
      resident.dispose();
    }
    return outputs;
  } finally {
    runner.dispose();
  }
}

async function expectOutputs(
  golden: GoldenCase,
  names: readonly string[],
  outputs: ReadonlyMap<string, NDArray>,
  report: Report,
): Promise<void> {
  for (const name of names) {
    const actual = outputs.get(name);
    if (!actual) throw new GoldenMismatch(`${name}: the model has no such output`);
    const { shape } = golden.tensors.get(name)!;
    // logits are N × classes there, and a map of one pixel here
    const flat = shape.length === 2 && actual.shape.slice(2).every((extent) => extent === 1);
    report(name, await expectTensor(golden, name, flat ? { ...actual, shape: actual.shape.slice(0, 2) } : actual));
  }
}

/** Keys and shapes as sets, and the number of parameters. */
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
