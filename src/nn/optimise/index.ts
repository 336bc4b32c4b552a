import type { Weights } from '../../arrays.ts';
import type { Graph } from '../graph.ts';
import { carryScales } from './carry_scales.ts';
import { collectTerms } from './collect_terms.ts';
import { foldBefore } from './fold_before.ts';
import { mergeEqual } from './merge_equal.ts';
import { poolFirst } from './pool_first.ts';
import { splitProjection } from './split_projection.ts';

/** A pure function from graph and weights to graph and weights that gives the same outputs within the golden tolerances. */
export type Pass = (graph: Graph, weights: Weights) => { readonly graph: Graph; readonly weights: Weights };

/** The passes that run before an engine compiles a program, in order. */
export const passes: readonly Pass[] = [mergeEqual, poolFirst, foldBefore, splitProjection, collectTerms, carryScales];
