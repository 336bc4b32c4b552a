import type { ImageSet, LabelledImage } from '../data/image_set.ts';
import { DataError } from '../errors.ts';
import type { LabelMap } from '../image/raster.ts';
import type { ClassMatch } from './class_match.ts';
import type { ImageRow, LabelMapFigures } from './evaluation.ts';
import { labelMapEvaluator } from './label_maps.ts';
import type { Observation } from './observe.ts';
import { classesFor } from './tasks.ts';

/** Measures the label maps of a run, and keeps the predictions of the worst images. */

type PixelRow = NonNullable<ImageRow['semseg']>;

/** An image whose label map was among the worst. */
export interface WorstMap {
  readonly image: LabelledImage;
  /** The very value that `add` returned. */
  readonly figures: PixelRow;
  /** The predicted classes in the data set's numbers. */
  predicted(): LabelMap;
}

/** Takes one image at a time; keeps counts and the worst predictions. */
export interface PixelMeasure {
  /** @throws DataError if the labels are missing or of another size than the prediction */
  add(image: LabelledImage, observation: Observation): Promise<PixelRow>;
  figures(): LabelMapFigures;
  /** The images of the lowest mean IoU first. */
  readonly worst: readonly WorstMap[];
}

/** The width of boundaries as a share of the image's diagonal, as the paper has it. */
const boundaryShare = 0.02;

/** Options of `pixelMeasure`. */
export interface PixelOptions {
  /** How many predictions are kept. */
  readonly kept: number;
}

/** Starts to measure label maps. Classes of the model are renumbered to those of the data set. */
export function pixelMeasure(set: ImageSet, { toData }: ClassMatch, { kept }: PixelOptions): PixelMeasure {
  const names = classesFor(set, 'segmentation');
  const evaluator = labelMapEvaluator({ classes: names.length, ignore: set.ignore, boundary: boundaryShare });
  const worst: WorstMap[] = [];
  return {
    worst,
    async add(image, { size, segmentation }) {
      if (!image.labels || !segmentation) throw new DataError(`${image.file}: the image has no label map.`);
      const truth = await image.labels();
      const predicted = { ...size, labels: inDataLabels(segmentation, toData, names.length) };
      if (truth.height !== size.height || truth.width !== size.width) {
        throw new DataError(
          `${image.file}: the label map is ${truth.width}×${truth.height} (width×height), the image is ${size.width}×${size.height}. Give labels of the image's size.`,
        );
      }
      const row = evaluator.add(predicted, truth);
      keepWorst(worst, { image, figures: row, predicted: unpackable(predicted) }, kept);
      return row;
    },
    figures() {
      const scores = evaluator.scores();
      return {
        miou: scores.miou,
        macc: scores.macc,
        aacc: scores.aacc,
        mdice: scores.mdice,
        boundary: scores.boundary?.miou,
        perClass: names.map((name, i) => ({
          name,
          iou: scores.iou[i] ?? Number.NaN,
          accuracy: scores.acc[i] ?? Number.NaN,
          precision: scores.precision[i] ?? Number.NaN,
          dice: scores.dice[i] ?? Number.NaN,
          boundary: scores.boundary?.iou[i],
          pixels: scores.areas.label[i] ?? 0,
        })),
        // the last row and column are what is beyond the classes
        matrix: scores.confusion?.slice(0, -1),
      };
    },
  };
}

/** Renumbers a prediction; a class that the data set lacks gets the number after the last. */
function inDataLabels(labels: LabelMap['labels'], toData: Int32Array, classes: number): LabelMap['labels'] {
  const table = (classes < 256 ? new Uint8Array(65_536) : new Uint16Array(65_536)).fill(classes);
  for (const [label, to] of toData.entries()) if (to >= 0) table[label] = to;
  const renumbered = classes < 256 ? new Uint8Array(labels.length) : new Uint16Array(labels.length);
  for (let i = 0; i < labels.length; i++) renumbered[i] = table[labels[i]!]!;
  return renumbered;
}

/** Keeps the `kept` of lowest mean IoU in order; of equal ones the earlier. An image without labels is no candidate. */
function keepWorst(worst: WorstMap[], one: WorstMap, kept: number): void {
  if (Number.isNaN(one.figures.miou)) return;
  let at = worst.length;
  while (at > 0 && worst[at - 1]!.figures.miou > one.figures.miou) at--;
  worst.splice(at, 0, one);
  if (worst.length > kept) worst.pop();
}

/** Packs a map to its runs, which are few. */
function unpackable({ height, width, labels }: LabelMap): () => LabelMap {
  const starts: number[] = [];
  for (let i = 0; i < labels.length; i++) if (i === 0 || labels[i] !== labels[i - 1]) starts.push(i);
  const runs = { starts: Uint32Array.from(starts), values: Uint16Array.from(starts, (at) => labels[at]!) };
  const Labels = labels.constructor as Uint8ArrayConstructor | Uint16ArrayConstructor; // of the two, the one it is
  return () => {
    const unpacked = new Labels(height * width);
    for (const [i, start] of runs.starts.entries()) unpacked.fill(runs.values[i]!, start, runs.starts[i + 1]);
    return { height, width, labels: unpacked };
  };
}
