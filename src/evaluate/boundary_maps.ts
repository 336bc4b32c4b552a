import type { LabelMap } from '../image/raster.ts';
import { boundaryWidth } from './boundary.ts';
import type { LabelCodes } from './label_values.ts';
import { meanOf } from './statistics.ts';

/**
 * Boundary IoU of label maps: per class, the boundary of the class in the labels against its boundary in the prediction,
 * both without ignored pixels, added over the images.
 */

/** Lists go by class; NaN is 0 / 0 (`null` in JSON), left out of the mean. */
export interface BoundaryScores {
  readonly miou: number;
  readonly iou: readonly number[];
  readonly intersection: readonly number[];
  readonly union: readonly number[];
}

/** Takes the maps of one image at a time, of one size, and keeps counts only. */
export interface BoundaryCounter {
  add(prediction: LabelMap, labels: LabelMap): void;
  scores(): BoundaryScores;
}

/**
 * Counts boundaries of all classes at once. A pixel is inside its class if the square of side 2 d + 1 around it lies in
 * the image and has one class only; else it is on the boundary of its class. One walk down the rows finds this for every
 * pixel, with memory for a few rows.
 */
export function boundaryCounter(classes: number, codes: LabelCodes, ratio: number): BoundaryCounter {
  const [intersection, union] = [new Float64Array(classes), new Float64Array(classes)];
  boundaryWidth({ height: 1, width: 1 }, ratio); // refuses a wrong ratio before the first image
  return {
    add(prediction, labels) {
      const { height, width } = labels;
      const d = boundaryWidth(labels, ratio);
      const [ofLabels, ofPrediction] = [columnsOf(width), columnsOf(width)];
      const [truth, predicted] = [new Int32Array(width), new Int32Array(width)];
      const read = (y: number) => {
        for (let x = 0, at = y * width; x < width; x++, at++) {
          const label = codes.label[labels.labels[at]!]!;
          truth[x] = label;
          predicted[x] = label < 0 ? -1 : codes.prediction[prediction.labels[at]!]!;
        }
      };
      const count = (onTruth: (x: number) => boolean, onPrediction: (x: number) => boolean) => {
        for (let x = 0; x < width; x++) {
          const [a, b] = [truth[x]!, predicted[x]!];
          const inTruth = a >= 0 && a < classes && onTruth(x);
          const inPrediction = b >= 0 && b < classes && onPrediction(x);
          if (inTruth) union[a]!++;
          if (inPrediction && !(inTruth && a === b)) union[b]!++;
          if (inTruth && inPrediction && a === b) intersection[a]!++;
        }
      };
      const side = 2 * d + 1;
      for (let y = 0; y < height; y++) {
        read(y);
        extend(ofLabels, truth, d);
        extend(ofPrediction, predicted, d);
        if (y < d) continue;
        read(y - d);
        count(
          (x) => ofLabels.rows[x]! < side,
          (x) => ofPrediction.rows[x]! < side,
        );
      }
      // the squares around the last rows reach below the image
      const always = () => true;
      for (let y = Math.max(0, height - d); y < height; y++) {
        read(y);
        count(always, always);
      }
    },
    scores() {
      const iou = Array.from(intersection, (both, i) => both / union[i]!);
      return { miou: meanOf(iou), iou, intersection: Array.from(intersection), union: Array.from(union) };
    },
  };
}

/** For each column: over how many rows upwards, this one included, the 2 d + 1 pixels around it have the one class `code`. */
interface Columns {
  readonly code: Int32Array;
  readonly rows: Int32Array;
}

const columnsOf = (width: number): Columns => ({ code: new Int32Array(width), rows: new Int32Array(width) });

function extend({ code, rows }: Columns, row: Int32Array, d: number): void {
  for (let start = 0; start < row.length; ) {
    const value = row[start]!;
    let end = start + 1;
    while (end < row.length && row[end] === value) end++;
    const [first, last] = [Math.min(start + d, end), Math.max(end - d, start)];
    if (last <= first) rows.fill(0, start, end);
    else {
      rows.fill(0, start, first);
      rows.fill(0, last, end);
      for (let x = first; x < last; x++) {
        rows[x] = rows[x]! > 0 && code[x] === value ? rows[x]! + 1 : 1;
        code[x] = value;
      }
    }
    start = end;
  }
}
