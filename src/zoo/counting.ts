import type { Named, Size } from '../arrays.ts';
import type { ModelDefinition } from '../models/create.ts';
import { type CostRow, costOf, type InputExtent, type RecordedPart, totalCost } from '../nn/index.ts';

/** The cost of a model for one image, and the rules by which published FLOPs are counted: each is a sum over the cost rows. */

const isModule = ({ path, op }: CostRow): boolean => !path.endsWith(`:${op}`);

/**
 * Counts as mmcv 1.x and the papers of detection and segmentation models do: multiply-adds, one more per output for a
 * convolution's bias, 2 per element that a norm of the backbone reads, 1 per element of ReLU and pooling *modules*. The
 * models that it was run on project the padding of windows as well.
 */
export function mmcvFlops(rows: readonly CostRow[]): number {
  return rows.reduce((sum, row) => {
    const norm = row.path.startsWith('backbone.') ? 2 * (row.norm + row.layerNorm) : 0;
    return sum + row.macs + row.padding + row.convBias + norm + moduleWork(row);
  }, 0);
}

/** The work of ReLU and pooling modules. */
const moduleWork = (row: CostRow): number => (isModule(row) ? row.pool + (row.op === 'relu' ? row.activation : 0) : 0);

/**
 * Counts as mmpose 0.x does, with the same counter. It sees modules only: the norms of the head count as well, the products of attention
 * do not.
 *
 * @param backbone its type: ConvNeXt has a class of LayerNorm of its own, which the counter does not know
 */
export function mmposeFlops(rows: readonly CostRow[], backbone: string): number {
  const perLayerNorm = backbone === 'convnext' ? 0 : 2;
  return rows.reduce(
    (sum, row) => sum + moduleMacs(row) + row.convBias + 2 * row.norm + perLayerNorm * row.layerNorm + moduleWork(row),
    0,
  );
}

/** The multiply-adds of layers, with those on the padding of windows, without the products of attention. */
export const moduleMacs = ({ op, macs, padding }: CostRow): number => (op === 'windowAttention' ? 0 : macs) + padding;

/**
 * Counts a classifier as fvcore does: multiply-adds, 2 per element of a BatchNorm, 5 per element of a LayerNorm, and
 * pooling inside the network, except maximum pooling.
 */
export function fvcoreFlops(rows: readonly CostRow[]): number {
  return rows.reduce((sum, row) => {
    // it does not count the classifier's mean over the last map as pooling
    const pooled = row.path === `:${row.op}` || row.op === 'maxPool' ? 0 : row.pool;
    return sum + row.macs + 2 * row.norm + 5 * row.layerNorm + pooled;
  }, 0);
}

/** Counts multiply-adds with biases, as the MogaNet paper does for classifiers. */
export function paperMacs(rows: readonly CostRow[]): number {
  const { macs, convBias, linearBias } = totalCost(rows);
  return macs + convBias + linearBias;
}

/** Regions that the published figures of two-stage detectors assume. */
const publishedRegions: Readonly<Record<string, number>> = { box: 1000, mask: 100 };

/** Returns the cost rows of all parts of a model for one image, with as many regions as the published figures assume. */
export function modelCost(definition: ModelDefinition, { height, width }: Size): CostRow[] {
  return Object.values(definition.parts).flatMap((part) => costOf(part.graph, partExtents(part, { height, width })));
}

/**
 * Returns the extents of a part's inputs for one image. All regions go to the finest level: the work on pooled regions
 * does not depend on the level that they come from.
 */
export function partExtents(part: RecordedPart, { height, width }: Size): Named<InputExtent> {
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
