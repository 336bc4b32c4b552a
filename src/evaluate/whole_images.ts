import type { ImageSet, LabelledImage } from '../data/image_set.ts';
import { DataError } from '../errors.ts';
import type { ClassMatch } from './class_match.ts';
import type { ClassificationFigures, ImageClass } from './evaluation.ts';
import type { Observation } from './observe.ts';
import { topKEvaluator } from './top_k.ts';

/** Measures the classes of whole images. */
export interface ClassMeasure {
  add(image: LabelledImage, observation: Observation): ImageClass;
  figures(): ClassificationFigures;
}

/**
 * The classes of both sides are ranked together: those of the model in its order, then those that only the data set has,
 * which no image gets.
 */
export function classMeasure(set: ImageSet, model: readonly string[], { toData, onlyData }: ClassMatch): ClassMeasure {
  const names = [...model, ...onlyData];
  const place = set.classes.map((name, label) => {
    const known = toData.indexOf(label);
    return known >= 0 ? known : names.indexOf(name, model.length);
  });
  const evaluator = topKEvaluator({ classes: names.length });
  return {
    add(image, { classification }) {
      const label = image.label === undefined ? undefined : place[image.label];
      if (label === undefined || !classification) throw new DataError(`${image.file}: the image has no class.`);
      const scores = new Float32Array(names.length).fill(-Infinity);
      for (const [i, one] of classification.labels.entries()) scores[one] = classification.scores[i]!;
      const { rank, predicted } = evaluator.add(scores, label);
      return {
        truth: names[label] ?? '',
        predicted: names[predicted] ?? '',
        score: classification.scores[0] ?? Number.NaN,
        rank,
      };
    },
    figures() {
      const { top, perClass, meanClassAccuracy, confusion } = evaluator.scores();
      return {
        top1: top[0]?.accuracy ?? Number.NaN,
        top5: names.length > 5 ? top[1]?.accuracy : undefined,
        meanClassAccuracy,
        perClass: place.map((at, label) => ({
          name: set.classes[label] ?? '',
          precision: perClass[at]?.precision ?? Number.NaN,
          recall: perClass[at]?.recall ?? Number.NaN,
          f1: perClass[at]?.f1 ?? Number.NaN,
          images: perClass[at]?.support ?? 0,
        })),
        matrix: confusion && place.map((row) => place.map((column) => confusion[row]?.[column] ?? 0)),
      };
    },
  };
}
