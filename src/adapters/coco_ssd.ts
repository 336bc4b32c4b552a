import * as z from 'zod/mini';
import type { ImageRef } from '../platform/contract.ts';
import { checkDetection } from '../results/fields.ts';
import type { Result } from '../results/result.ts';
import { validateOptions } from '../validate.ts';
import type { Predicts } from './predicts.ts';

/** The shapes of @tensorflow-models/coco-ssd 2.2. */

/** `DetectedObject` of coco-ssd. */
export interface CocoSsdObject {
  /** In pixels of the image, not rounded. */
  bbox: [x: number, y: number, width: number, height: number];
  class: string;
  score: number;
}

/** What `load()` of coco-ssd gives. */
export interface CocoSsdModel {
  /** Finds at most `maxNumBoxes` (20) objects whose score is greater than `minScore` (0.5). */
  detect(image: ImageRef, maxNumBoxes?: number, minScore?: number): Promise<CocoSsdObject[]>;
  /** Disposes the model. */
  dispose(): Promise<void>;
}

const limits = z.strictObject({
  maxNumBoxes: z.int().check(z.minimum(1)),
  minScore: z.number().check(z.minimum(0), z.maximum(1)),
});

/**
 * Returns the instances of a result as `detect` of coco-ssd does, best first.
 *
 * @param maxNumBoxes the most objects, by default 20
 * @param minScore scores are greater than this, by default 0.5
 * @throws ConfigError for a number out of range, RangeError if detection did not run
 */
export function toCocoSsd(result: Result, maxNumBoxes = 20, minScore = 0.5): CocoSsdObject[] {
  validateOptions(limits, { maxNumBoxes, minScore }, 'toCocoSsd');
  checkDetection(result);
  return [...result]
    .filter(({ score }) => score > minScore)
    .slice(0, maxNumBoxes)
    .map(({ box: [x1, y1, x2, y2], name, score }) => ({ bbox: [x1, y1, x2 - x1, y2 - y1], class: name, score }));
}

/** Returns an object with the methods of a model of coco-ssd. */
export function cocoSsd(model: Predicts): CocoSsdModel {
  return {
    detect: async (image, maxNumBoxes = 20, minScore = 0.5) => {
      validateOptions(limits, { maxNumBoxes, minScore }, 'detect');
      const result = await model.predict(image, { score: minScore, max: maxNumBoxes, only: 'detection' });
      return toCocoSsd(result, maxNumBoxes, minScore);
    },
    dispose: () => model.dispose(),
  };
}
