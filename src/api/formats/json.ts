import type { Size } from '../../ndarray.ts';
import { type RleText, rleText } from '../mask.ts';
import type { Origin } from '../origin.ts';
import type { Classification, Instance, Result, Segmentation, Timings } from '../result.ts';
import { version } from '../version.ts';
import { regionsOf } from './regions.ts';

/** The shape of results as JSON; a field that changes its meaning gives it the next number. `docs/results.md` describes it. */
export const resultSchema = 1;

/** A result as plain data: coordinates in pixels of the image, masks as COCO run lengths. */
export interface ResultJson extends Partial<Origin> {
  readonly schema: typeof resultSchema;
  /** Version of this package. */
  readonly moganet: string;
  readonly image: Size;
  readonly instances?: readonly InstanceJson[];
  readonly regions?: readonly RegionJson[];
  readonly classes?: readonly ClassJson[];
  readonly timings?: Timings;
}

export interface InstanceJson extends Omit<Instance, 'mask'> {
  /** Pixels of the mask. */
  readonly area?: number;
  readonly mask?: RleText;
}

export interface RegionJson {
  readonly label: number;
  readonly name: string;
  readonly pixels: number;
  /** Of the image, 0 to 1. */
  readonly share: number;
  readonly mask: RleText;
}

export interface ClassJson {
  readonly label: number;
  readonly name: string;
  readonly score: number;
}

export function resultJson(result: Result, { timings = false }: { readonly timings?: boolean } = {}): ResultJson {
  const { origin, imageSize, names, segmentation, classification } = result;
  const { height, width } = imageSize;
  return {
    schema: resultSchema,
    moganet: version,
    ...origin,
    image: { height, width },
    ...(names.length > 0 && {
      instances: Array.from(result, ({ mask, ...instance }) => ({
        ...instance,
        ...(mask && { area: mask.area, mask: mask.toRle() }),
      })),
    }),
    ...(segmentation && { regions: regionsJson(segmentation, imageSize) }),
    ...(classification && { classes: classesJson(classification) }),
    ...(timings && { timings: result.timings }),
  };
}

const regionsJson = (segmentation: Segmentation, size: Size): RegionJson[] =>
  regionsOf(segmentation, size).map(({ label, name, pixels, rle }) => ({
    label,
    name,
    pixels,
    share: pixels / (size.height * size.width),
    mask: rleText(rle),
  }));

const classesJson = ({ labels, scores, names }: Classification): ClassJson[] =>
  Array.from(labels, (label, i) => ({ label, name: names[label] ?? `class ${label}`, score: scores[i]! }));
