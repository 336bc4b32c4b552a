import type { CountingRule, ZooEntry } from '../../configs/common/entry.ts';
import type { Named, Size } from '../arrays.ts';
import type { ModelDefinition } from '../models/create.ts';
import { type CostRow, costOf, type InputExtent, type Part, recordPart, totalCost } from '../nn/index.ts';

/** The rules by which published FLOPs were counted, each a sum over our own rows. */

const isModule = ({ path, op }: CostRow): boolean => !path.endsWith(`:${op}`);

/**
 * mmcv 1.x's counter, which the papers of detectors and segmentors used: multiply-adds, one more per output for a
 * convolution's bias, 2 per element that a norm of the backbone reads, 1 per element of ReLU and pooling *modules*. What it
 * was run on projects the padding of windows as well.
 */
export function mmcvFlops(rows: readonly CostRow[]): number {
  return rows.reduce((sum, row) => {
    const norm = row.path.startsWith('backbone.') ? 2 * (row.norm + row.layerNorm) : 0;
    const modules = isModule(row) ? row.pool + (row.op === 'relu' ? row.activation : 0) : 0;
    return sum + row.macs + row.padding + row.convBias + norm + modules;
  }, 0);
}

/**
 * fvcore's counter on a classifier: multiply-adds, 2 per element of a BatchNorm, 5 of a LayerNorm, and pooling inside the
 * network, where it is no maximum.
 */
export function fvcoreFlops(rows: readonly CostRow[]): number {
  return rows.reduce((sum, row) => {
    // the classifier's mean over the last map is no pooling to it
    const pooled = row.path === `:${row.op}` || row.op === 'maxPool' ? 0 : row.pool;
    return sum + row.macs + 2 * row.norm + 5 * row.layerNorm + pooled;
  }, 0);
}

/** The figure that an entry's publisher would state, by the rule that the entry says. */
export function publishedFlops({ config, published }: ZooEntry, rows: readonly CostRow[]): number {
  const rule = published?.rule ?? (config.classification ? 'macs+biases' : 'mmcv');
  return counters[rule](rows);
}

/** Multiply-adds with biases, which is what the MogaNet paper states for classifiers. */
export function paperMacs(rows: readonly CostRow[]): number {
  const { macs, convBias, linearBias } = totalCost(rows);
  return macs + convBias + linearBias;
}

const counters: Readonly<Record<CountingRule, (rows: readonly CostRow[]) => number>> = {
  macs: (rows) => totalCost(rows).macs,
  'macs+biases': paperMacs,
  mmcv: mmcvFlops,
};

/** Regions that the published figures of two-stage detectors assume. */
const publishedRegions: Readonly<Record<string, number>> = { box: 1000, mask: 100 };

/** The rows of every part of a model for one image; regions are counted as the published figures count them. */
export function modelCost(definition: ModelDefinition, { height, width }: Size): CostRow[] {
  return Object.values(definition.parts).flatMap((part) =>
    costOf(recordPart(part), partExtents(part, { height, width })),
  );
}

/**
 * Inputs of a part for one image. All regions are given to the finest level: the work on pooled regions does not depend
 * on where they come from.
 */
export function partExtents(part: Part, { height, width }: Size): Named<InputExtent> {
  let regions = publishedRegions[part.name.replace(/\d+$/, '')] ?? 0; // every stage of a cascade
  return Object.fromEntries(
    Object.entries(part.inputs).map(([name, input]) => {
      if (input.kind === 'map') return [name, { batch: 1, height, width }];
      const batch = regions;
      regions = 0;
      return [name, { batch }];
    }),
  );
}
