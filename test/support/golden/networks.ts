import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UnsupportedError } from '../../../src/errors.ts';
import { type NDArray, type Shape, sizeOf, type Weights } from '../../../src/ndarray.ts';
import {
  costOf,
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
import {
  type BackboneKind,
  backboneKind,
  backboneOfRow,
  inOurLayout,
  keysInOurLayout,
  type ModelSpec,
  weightsInOurLayout,
} from './backbone_kinds.ts';

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

function partOf({ backbone, classes }: BackboneKind): Part {
  const named = (pyramid: readonly Value[]) => Object.fromEntries(pyramid.map((x, i) => [`stage${i + 1}`, x]));
  return {
    name: 'network',
    inputs: { input: map(backbone.imageChannels ?? 3) },
    forward: (scope, { input }) => {
      if (classes === 0) return named(backbone.forward(scope, input!));
      const { logits, pyramid } = backbone.classify(scope, input!, classes);
      return { logits, ...named(pyramid) };
    },
  };
}

const keyList = (folder: string, name: string): KeyList =>
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

/** A row of `macs.json`. */
export interface CostRowSpec {
  readonly model: string;
  readonly input: readonly [number, number];
  readonly params: number;
  readonly params_by_module: Readonly<Record<string, number>>;
  readonly fvcore_total: number;
  readonly conv_linear_matmul_macs: number;
  readonly bias_adds: number;
  readonly by_operator: Readonly<Record<string, number>>;
  readonly by_module: Readonly<Record<string, number>>;
}

/**
 * fvcore counts multiply-adds, two per element of a batch normalisation, five of a layer normalisation, one per element
 * that an average pooling module reads, and four per value of a bilinear resize; it counts no bias, maximum, activation, sum
 * or product.
 */
export function expectCosts(row: CostRowSpec): void {
  const kind = backboneOfRow(row.model);
  const graph = recordPart(partOf(kind));
  const [height, width] = row.input;
  const total = { macs: 0, all: 0, bias: 0, byOp: new Map<string, number>(), byModule: new Map<string, number>() };
  const add = (counts: Map<string, number>, key: string, count: number) => {
    if (count > 0) counts.set(key, (counts.get(key) ?? 0) + count);
  };
  for (const cost of costOf(graph, { input: { batch: 1, height, width } })) {
    const operator = kind.operators?.[cost.op] ?? operatorNames[cost.op] ?? cost.op;
    if (operator !== 'addmm') total.bias += cost.convBias + cost.linearBias;
    const module = kind.moduleOf(kind.countedAs ? cost.path.replace(...kind.countedAs) : cost.path);
    if (module === undefined || cost.op === 'maxPool') continue;
    const counted = cost.macs + 2 * cost.norm + 5 * cost.layerNorm + cost.pool;
    const resized = 4 * cost.resized;
    total.macs += cost.macs;
    total.all += counted + resized;
    add(total.byOp, operator, counted);
    add(total.byOp, 'upsample_bilinear2d', resized);
    add(total.byModule, module, counted + resized);
  }
  const parameters = new Map<string, number>();
  const all = new Map(parametersOf(graph).map((parameter) => [parameter.key, parameter]));
  for (const { key, shape, kind: use, aliasOf } of all.values()) {
    if ((aliasOf ? all.get(aliasOf)!.kind : use) === 'parameter')
      add(parameters, kind.moduleOf(key) ?? '', sizeOf(shape));
  }
  const expectCount = (what: string, actual: number, expected: number) =>
    expectEqual(`${row.model} at ${height}×${width}: ${what}`, actual, expected);
  expectCount('parameters', parameterCount(graph), row.params);
  for (const [module, count] of Object.entries(row.params_by_module)) {
    expectCount(`parameters of ${module}`, parameters.get(module) ?? 0, count);
  }
  expectCount('multiply-adds', total.macs, row.conv_linear_matmul_macs);
  expectCount('bias adds', total.bias, row.bias_adds);
  expectCount('fvcore total', total.all, row.fvcore_total);
  for (const [counts, expected] of [
    [total.byOp, row.by_operator],
    [total.byModule, row.by_module],
  ] as const) {
    for (const name of new Set([...counts.keys(), ...Object.keys(expected)])) {
      expectCount(name, counts.get(name) ?? 0, expected[name] ?? 0);
    }
  }
}

/** Operations as fvcore names them. */
const operatorNames: Readonly<Record<string, string>> = {
  conv2d: 'conv',
  linear: 'linear',
  batchNorm: 'batch_norm',
  layerNorm: 'layer_norm',
  windowAttention: 'matmul',
  circularConv2d: 'conv',
  globalAvgPool: 'adaptive_avg_pool2d',
};

/** A map of `layouts.json`, between two publishers' names of one backbone. */
export interface LayoutMapSpec {
  readonly map: string;
  readonly from: string;
  readonly to: string;
  readonly keys: readonly (readonly [from: string, to: string, shape?: Shape])[];
  readonly not_taken_over: readonly string[];
  readonly not_filled: readonly string[];
}

/** Both lists in our layout: a pair of the map is one key, what only one has is what the map says is left. */
export function expectLayout(spec: LayoutMapSpec, folder: string): void {
  const read = (name: string) => {
    const { model, keys } = keyList(folder, name);
    return keysInOurLayout(keys, backboneKind(model, name).layouts);
  };
  const [from, to] = [read(spec.from), read(spec.to)];
  const text = (list: typeof from, key: string) => {
    const [name, shape] = list.get(key) ?? [];
    return name ? `${name} [${shape!.join(', ')}]` : 'left out';
  };
  for (const [a, b] of spec.keys) {
    const [ours, theirs] = [text(from, a), text(to, b)];
    if (ours !== theirs) throw new GoldenMismatch(`${spec.map}: ${a} is ${ours} in our layout, ${b} is ${theirs}`);
  }
  const left = (list: typeof from, taken: readonly string[]) => [...list.keys()].filter((key) => !taken.includes(key));
  expectEqual(
    `${spec.map}: not taken over`,
    left(
      from,
      spec.keys.map(([a]) => a),
    ).join(),
    spec.not_taken_over.join(),
  );
  expectEqual(
    `${spec.map}: not filled`,
    left(
      to,
      spec.keys.map(([, b]) => b),
    ).join(),
    spec.not_filled.join(),
  );
}

function expectEqual<T extends number | string>(what: string, actual: T, expected: T): void {
  if (actual !== expected) throw new GoldenMismatch(`${what}: ${actual}, expected ${expected}`);
}
