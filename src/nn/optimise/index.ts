import type { Pass } from '../part.ts';
import { foldBatchNorm } from './fold_batch_norm.ts';

/** What every engine runs before compiling, in order. */
export const passes: readonly Pass[] = [foldBatchNorm];
