import { sizeOf } from '../../../src/arrays.ts';
import { costOf, parameterCount, parametersOf, recordPart } from '../../../src/nn/index.ts';
import { backboneOfRow } from './backbone_kinds.ts';
import { expectEqual, partOf } from './networks.ts';

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
 * Compares counts with fvcore's. It counts multiply-adds, two per element of a batch normalisation, five per element of
 * a layer normalisation, one per element that average pooling reads, and four per value of a bilinear resize. It counts
 * no bias, maximum, activation, sum or product.
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
