import type { Size } from '../arrays.ts';
import { DataError, MoganetError } from '../errors.ts';
import { decodeLabelPng } from '../formats/label_png.ts';
import type { LabelMap } from '../image/raster.ts';
import { type Rle, runCollector } from '../postprocess/rle.ts';
import type { Tree } from './tree.ts';

/** Label maps of a data set: PNG files whose samples are classes. */

/**
 * Reads a label map.
 *
 * @param size of the image that it belongs to
 * @throws DataError if it is missing, not a label map or of another size
 */
export async function readLabelMap(
  tree: Tree,
  path: string,
  size: Size | undefined,
  decode: (bytes: Uint8Array, name: string) => LabelMap = decodedLabels,
): Promise<LabelMap> {
  const map = decode(await tree.read(path), tree.shown(path));
  if (size && (map.width !== size.width || map.height !== size.height)) {
    throw new DataError(
      `${tree.shown(path)}: the label map is ${map.width}×${map.height}, its image ${size.width}×${size.height}. ` +
        'Both must have the same size.',
    );
  }
  return map;
}

/** Reads the samples of a PNG in memory. @throws DataError as `readLabelMap` */
export function decodedLabels(bytes: Uint8Array, name: string): LabelMap {
  try {
    return narrow(decodeLabelPng(bytes, { name }));
  } catch (cause) {
    if (cause instanceof MoganetError) throw new DataError(cause.message, { cause });
    throw cause;
  }
}

/** Returns 8 bits for every label if none has more. */
function narrow(map: LabelMap): LabelMap {
  const { labels } = map;
  return labels instanceof Uint16Array && labels.every((label) => label <= 255)
    ? { ...map, labels: Uint8Array.from(labels) }
    : map;
}

/** Replaces every label by what a table says; labels beyond it by `otherwise`. */
export function translated(map: LabelMap, table: ArrayLike<number>, otherwise: number): LabelMap<Uint8Array> {
  const { height, width, labels } = map;
  const mapped = new Uint8Array(labels.length);
  for (let i = 0; i < labels.length; i++) mapped[i] = table[labels[i]!] ?? otherwise;
  return { height, width, labels: mapped };
}

/** The table of `reduce_zero_label`: 0 to 255, every other class one less. */
export const withoutZero: Uint8Array = Uint8Array.from({ length: 256 }, (_, label) =>
  label === 0 || label === 255 ? 255 : label - 1,
);

/** Returns the mask of every value in a map, as runs: one walk, however many there are. */
export function masksByValue(map: LabelMap): Map<number, Rle> {
  const { height, width, labels } = map;
  const collectors = new Map<number, ReturnType<typeof runCollector>>();
  for (let x = 0; x < width; x++) {
    for (let y = 0; y < height; ) {
      const value = labels[y * width + x]!;
      const from = y;
      while (y < height && labels[y * width + x] === value) y++;
      let collector = collectors.get(value);
      if (!collector) {
        collector = runCollector(map);
        collectors.set(value, collector);
      }
      collector.add(x * height + from, x * height + y);
    }
  }
  return new Map([...collectors].map(([value, collector]) => [value, collector.finish()]));
}
