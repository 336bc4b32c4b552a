import type { Size } from '../../ndarray.ts';
import type { Rle } from '../../postprocess/detections.ts';
import { runCollector } from '../../postprocess/rle.ts';
import type { Segmentation } from '../result.ts';

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
