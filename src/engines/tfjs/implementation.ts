import type { Implementation } from './kernel.ts';
import { kernels } from './kernels.ts';
import { held } from './scratch.ts';
import { layouts } from './weight_layouts.ts';

/** The vocabulary by the operations of TensorFlow.js, which every backend has. */
export const plain: Implementation = { kernels, layouts, held };
