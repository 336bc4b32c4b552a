import { type Shape, sizeOf } from '../../../src/arrays.ts';
import { UnsupportedError } from '../../../src/errors.ts';
import { checkpointParameters, createModel, type ModelDefinition } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import type { CostRow, Parameter } from '../../../src/nn/index.ts';
import { mmcvFlops, mmposeFlops, modelCost, moduleMacs } from '../../../src/zoo/counting.ts';
import { GoldenMismatch } from '../golden.ts';
import { inOurLayout, layoutsOf } from './backbone_kinds.ts';

/** Key lists of whole models: the state dict as a set, parameters and multiply-adds by part. */

export type KeyEntry = readonly [key: string, shape: Shape, dtype?: string];

type Counts = Readonly<Record<string, number>>;

export interface ModelKeyList {
  readonly model: string;
  /** The published configuration's model dict. */
  readonly official_model_dict?: unknown;
  readonly model_dict?: unknown;
  readonly keys: readonly KeyEntry[];
  readonly entries: number;
  readonly params: number;
  readonly params_by_part: Counts;
  readonly paper_params_M?: number | null;
  readonly flops_rule?: string;
  readonly flops?: number;
  readonly flops_by_part?: Counts;
  readonly macs_only?: number;
  readonly macs_by_part?: Counts;
  readonly paper_flops_G?: number | null;
}

export const definitionOf = ({ official_model_dict, model_dict }: ModelKeyList): ModelDefinition =>
  createModel(fromMm(official_model_dict ?? model_dict));

/** @throws GoldenMismatch naming the first key that is missing, misshapen or unexpected */
export function expectSameKeys(what: string, parameters: readonly Parameter[], list: readonly KeyEntry[]): void {
  const actual = new Map(parameters.map(({ key, shape }) => [key, shape.join('×')]));
  for (const [key, shape] of list) {
    const found = actual.get(key);
    if (found === undefined) throw new GoldenMismatch(`${key}: ${what} has no such key`);
    if (found !== shape.join('×')) {
      throw new GoldenMismatch(`${key}: ${what} has it as [${found}], expected [${shape.join('×')}]`);
    }
    actual.delete(key);
  }
  const [strange] = actual.keys();
  if (strange !== undefined) throw new GoldenMismatch(`${strange}: ${what} has this key and the list does not`);
}

/** Compares a model with everything that its list says. */
export function expectModelKeys(list: ModelKeyList, definition = definitionOf(list)): void {
  const parameters = checkpointParameters(definition);
  expectSameKeys(list.model, parameters, inOurLayout(list.keys, layoutsOf(definition), 'backbone.'));
  expectCount('entries', parameters.length, list.entries);

  const trained = parameters.filter(({ kind }) => kind === 'parameter');
  const sum = (under: string) =>
    trained.reduce((total, { key, shape }) => total + (isUnder(key, under) ? sizeOf(shape) : 0), 0);
  for (const [part, expected] of Object.entries(list.params_by_part)) {
    expectCount(`parameters of ${part}`, sum(part), expected);
  }
  expectCount('parameters', sum(''), list.params);
  if (list.paper_params_M) expectNear('parameters', sum('') / 1e6, list.paper_params_M);
  if (list.flops !== undefined) expectFlops(definition, list);
}

function expectFlops(definition: ModelDefinition, list: ModelKeyList): void {
  const rule = /^mmcv 1\.x flops_counter at input \[1,3,(\d+),(\d+)\]$/.exec(list.flops_rule ?? '');
  if (!rule) throw new UnsupportedError(`the counting rule "${list.flops_rule}" is not supported`);
  const rows = modelCost(definition, { height: Number(rule[1]), width: Number(rule[2]) });
  const { pose, backbone } = definition.config;
  const flopsOf = pose ? (of: readonly CostRow[]) => mmposeFlops(of, backbone.type) : mmcvFlops;
  const macsOf = (of: readonly CostRow[]) => of.reduce((sum, row) => sum + (pose ? moduleMacs(row) : row.macs), 0);
  const counters = [
    ['FLOPs', flopsOf, list.flops, list.flops_by_part],
    ['multiply-adds', macsOf, list.macs_only, list.macs_by_part],
  ] as const;
  for (const [what, count, total, byPart = {}] of counters) {
    for (const [part, expected] of Object.entries(byPart)) {
      const under = rows.filter(({ path }) => isUnder(path, part));
      expectCount(`${what} of ${part}`, count(under), expected);
    }
    if (total !== undefined) expectCount(what, count(rows), total);
  }
  if (list.paper_flops_G) expectNear('FLOPs', flopsOf(rows) / 1e9, list.paper_flops_G);
}

const isUnder = (path: string, part: string): boolean =>
  part === '' || path.startsWith(`${part}.`) || path.startsWith(`${part}:`);

function expectCount(what: string, actual: number, expected: number): void {
  if (actual !== expected) throw new GoldenMismatch(`${what}: ${actual}, expected ${expected}`);
}

/** Tables in papers are rounded. */
function expectNear(what: string, actual: number, published: number): void {
  if (Math.abs(actual - published) > 0.006 * published) {
    throw new GoldenMismatch(`${what}: ${actual}, more than 0.6 % from the published ${published}`);
  }
}
