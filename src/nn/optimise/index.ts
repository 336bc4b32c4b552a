import type { Weights } from '../../arrays.ts';
import type { Graph } from '../graph.ts';
import { foldBatchNorm } from './fold_batch_norm.ts';

/** A pure function from graph and weights to graph and weights that gives the same outputs within the golden tolerances. */
export type Pass = (graph: Graph, weights: Weights) => { readonly graph: Graph; readonly weights: Weights };

/** The passes that run before an engine compiles a program, in order. */
export const passes: readonly Pass[] = [foldBatchNorm];
