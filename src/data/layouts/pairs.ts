import type { LabelMap } from '../../image/raster.ts';
import { imageSizeAt } from '../image_header.ts';
import type { LabelledImage, LabelledObject } from '../image_set.ts';
import { readLabelMap } from '../label_maps.ts';
import type { Notices } from '../notices.ts';
import type { Tree } from '../tree.ts';

/** Images with their label maps, for layouts that have a file of each. */

export interface Pair {
  readonly image: string;
  readonly map: string;
}

/** Says which images have no label map, and which maps no image. */
export function sayUnpaired(notices: Notices, images: readonly string[], maps: readonly string[]): void {
  notices.addFiles(
    'images without a label map',
    (n, names) =>
      `${n} ${n === 1 ? 'image has no label map and is' : 'images have no label map and are'} left out: ${names}.`,
    images,
  );
  notices.addFiles('label maps without an image', (n, names) => `${n} label maps have no image: ${names}.`, maps);
}

interface PairReading {
  /** What the samples of the file mean. */
  readonly meaning: (map: LabelMap) => LabelMap;
  readonly objects?: readonly LabelledObject[] | undefined;
}

/** Makes an image whose label map is read when it is asked for. */
export async function pairedImage(
  tree: Tree,
  { image, map }: Pair,
  id: number,
  reading: PairReading,
): Promise<LabelledImage> {
  const size = await imageSizeAt(tree, image);
  return {
    id,
    file: image,
    size,
    objects: reading.objects,
    bytes: () => tree.read(image),
    labels: async () => reading.meaning(await readLabelMap(tree, map, size)),
  };
}
