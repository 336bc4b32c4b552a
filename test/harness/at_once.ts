import type { Size } from '../../src/arrays.ts';
import { prepareCrops as slicedCrops } from '../../src/image/affine.ts';
import * as preprocess from '../../src/image/preprocess.ts';
import { resizeRows as slicedRows } from '../../src/image/resize.ts';
import { resizePillow as slicedPillow } from '../../src/image/resize_pillow.ts';
import { type Blend, type WindowLogits, windowLabelSlices } from '../../src/postprocess/windows.ts';
import { atOnce, type Sliced } from '../../src/slices.ts';

/** The functions that work in slices, done at once. */

const whole =
  <A extends unknown[], T>(sliced: (...args: A) => Sliced<T>) =>
  (...args: A): T =>
    atOnce(sliced(...args));

export const prepareDetection = whole(preprocess.prepareDetection);
export const prepareSegmentation = whole(preprocess.prepareSegmentation);
export const prepareWindows = whole(preprocess.prepareWindows);
export const prepareClassification = whole(preprocess.prepareClassification);
export const centerCrop = whole(preprocess.centerCrop);
export const batchInputs = whole(preprocess.batchInputs);
export const prepareCrops = whole(slicedCrops);
export const resizeRows = whole(slicedRows);
export const resizePillow = whole(slicedPillow);

/** Gives the logits of all windows, and returns the labels. */
export const labelsFromWindows = (
  windows: readonly WindowLogits[],
  { resized, original }: { readonly resized: Size; readonly original: Size },
  alignCorners: boolean,
  threshold?: number,
  blend: Blend = 'mean',
): Uint8Array | Uint16Array =>
  atOnce(windowLabelSlices(windows, { base: resized, original, alignCorners, blend, threshold }));
