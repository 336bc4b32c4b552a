import type { Size } from '../arrays.ts';
import { ConfigError, DataError } from '../errors.ts';
import type { LabelMap } from '../image/raster.ts';

/** What the values of a label map mean, as tables: one look-up per run of pixels instead of rules for every pixel. */

/** How the labels of a data set are read before they are compared. Predictions are class indices already. */
export interface LabelRules {
  /** The number of classes. A label or a prediction beyond them is dropped from its own area; its partner still counts. */
  readonly classes: number;
  /** The label of pixels that count on neither side; null if there is none. Default 255. */
  readonly ignore?: number | null | undefined;
  /** Label 0 becomes 255, the others go down by one, and 254 becomes 255: as mmsegmentation does for ADE20K. */
  readonly reduceZeroLabel?: boolean | undefined;
  /** From the values in the files to class indices, applied first; values that it lacks become 255. */
  readonly labelTable?: ReadonlyMap<number, number> | undefined;
}

/** From values to codes: a class, `classes` for anything beyond them, -1 for ignored. */
export interface LabelCodes {
  readonly label: Int32Array;
  readonly prediction: Int32Array;
}

const values = 2 ** 16;
/** mmsegmentation's value for "no class", whatever is ignored. */
const none = 255;

/**
 * Returns the meaning of all 16-bit values.
 *
 * @throws ConfigError if the rules are not numbers of classes and values of 16 bits
 */
export function labelCodes({ classes, ignore = none, reduceZeroLabel = false, labelTable }: LabelRules): LabelCodes {
  if (!Number.isInteger(classes) || classes < 1 || classes > values) {
    throw new ConfigError(`label maps: classes must be a whole number from 1 to ${values}, got ${classes}.`);
  }
  for (const value of [...(ignore === null ? [] : [ignore]), ...[...(labelTable ?? [])].flat()]) {
    if (!Number.isInteger(value) || value < 0 || value >= values) {
      throw new ConfigError(
        `label maps: ${value} is not a label. ignore and labelTable take whole numbers from 0 to ${values - 1}.`,
      );
    }
  }
  const codeOf = (value: number) => (value < classes ? value : classes);
  const meaning = (value: number) => {
    const listed = labelTable ? (labelTable.get(value) ?? none) : value;
    const reduced = reduceZeroLabel ? reducedLabel(listed) : listed;
    return reduced === ignore ? -1 : codeOf(reduced);
  };
  return {
    label: Int32Array.from({ length: values }, (_, value) => meaning(value)),
    prediction: Int32Array.from({ length: values }, (_, value) => codeOf(value)),
  };
}

/** 0 to 255, minus 1, 254 to 255: the steps of mmsegmentation, which end in 255 for 0 and for 255. */
function reducedLabel(label: number): number {
  const lowered = (label === 0 ? none : label) - 1;
  return lowered === none - 1 ? none : lowered;
}

/**
 * Checks that two maps are maps, and of one size.
 *
 * @throws DataError that says what was found
 */
export function checkMaps(prediction: LabelMap, labels: LabelMap): Size {
  checkMap('prediction', prediction);
  checkMap('labels', labels);
  if (prediction.height !== labels.height || prediction.width !== labels.width) {
    throw new DataError(
      `label maps: the prediction is ${prediction.height}×${prediction.width}, the labels are ` +
        `${labels.height}×${labels.width} (height×width). Resize the prediction to the labels, with nearest neighbours.`,
    );
  }
  return labels;
}

function checkMap(what: string, { height, width, labels }: LabelMap): void {
  if (!(labels instanceof Uint8Array) && !(labels instanceof Uint16Array)) {
    throw new DataError(`label maps: ${what} must have labels as a Uint8Array or Uint16Array of class indices.`);
  }
  if (!Number.isInteger(height) || !Number.isInteger(width) || labels.length !== height * width) {
    throw new DataError(
      `label maps: ${what} has ${labels.length} values, but its size is ${height}×${width} (height×width).`,
    );
  }
}
