import type { Size } from '../arrays.ts';
import type { Rle } from '../postprocess/detections.ts';
import { runCollector } from '../postprocess/rle.ts';
import { type RleText, rleText } from './mask.ts';
import type { Classification, Instance, Origin, Result, Segmentation, Timings } from './result.ts';

/** One class of a label map with all its pixels. */
export interface Region {
  readonly label: number;
  readonly name: string;
  readonly pixels: number;
  readonly rle: Rle;
}

/** The label that means "no class": 255, and 65535 where there are more than 255 classes. 0 is the first class. */
export function unlabelledOf({ names }: Segmentation): number {
  return names.length > 255 ? 65535 : 255;
}

/** The classes that occur, the lowest label first: one pass down the columns, which is the order of COCO's runs. */
export function regionsOf(segmentation: Segmentation, size: Size): Region[] {
  const { labels, names } = segmentation;
  const { height, width } = size;
  const found = new Map<number, { pixels: number; collector: ReturnType<typeof runCollector> }>();
  const end = height * width;
  let start = 0;
  let current = labels[0]!;
  const close = (position: number) => {
    const region = found.get(current) ?? { pixels: 0, collector: runCollector(size) };
    region.pixels += position - start;
    region.collector.add(start, position);
    found.set(current, region);
    start = position;
  };
  for (let position = 1, y = 1, x = 0; position < end; position++, y++) {
    if (y === height) {
      y = 0;
      x++;
    }
    const label = labels[y * width + x]!;
    if (label !== current) {
      close(position);
      current = label;
    }
  }
  if (end > 0) close(end);
  found.delete(unlabelledOf(segmentation));
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([label, { pixels, collector }]) => ({
      label,
      name: names[label] ?? `class ${label}`,
      pixels,
      rle: collector.finish(),
    }));
}

/** The package's version, for what is written where there is no package.json to read; a test holds the two together. */
export const version = '0.1.0';

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
