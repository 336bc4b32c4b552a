import { DataError, listed } from '../errors.ts';
import type { LabelMap } from '../image/raster.ts';
import { cocoCollector } from './coco_of.ts';
import type { HealthSplit } from './health.ts';
import type { ImageSet, LabelledImage } from './image_set.ts';
import type { Tree } from './tree.ts';

/** Reads a data set of any layout as a document for the rules, with what its reader says of the files. */

export interface ReadingOptions {
  /** Read the files of images and of label maps. Default true. */
  readonly images?: boolean | undefined;
  onProgress?(done: number, total: number, file: string): void;
}

/** Reads the labels of all images. What ends the reading becomes a failure: the images until then are checked. */
export async function imageSetSplit(set: ImageSet, tree: Tree, options: ReadingOptions = {}): Promise<HealthSplit> {
  const { images = true, onProgress } = options;
  const collector = cocoCollector(set);
  const files = new Map<string, LabelledImage>();
  const places: string[] = [];
  const failures: string[] = [];
  const onFault = ({ message }: DataError) => failures.push(message);
  let done = 0;
  try {
    for await (const image of set.images({ onFault })) {
      onProgress?.(done++, set.count, image.file);
      collector.add(image);
      files.set(image.file, image);
      for (const [i, object] of (image.objects ?? []).entries()) places.push(placeOf(image, object.place, i));
      const { labels } = image;
      if (!images || !labels) continue;
      const classCount = (set.labelClasses ?? set.classes).length;
      if (classCount === 0) continue; // a folder of maps that names no classes
      failures.push(...(await faultsOfMap(image.file, () => labels(), classCount, set.ignore)));
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    failures.push(`${error.message} The ${set.count - done} images from there on were not checked.`);
  }
  const { images: listed, annotations, categories } = collector.file();
  // classes of whole images and of pixels have no annotations
  const hasObjects = set.kinds.some((kind) => kind === 'objects' || kind === 'masks' || kind === 'keypoints');
  const document = { images: listed, annotations, categories: hasObjects ? categories : [] };
  const file = set.name.replace(/(?<=.)[/\\]+$/, '');
  const opened = {
    name: set.split ?? file,
    file,
    document,
    placeOf: (i: number) => places[i],
    notices: set.notices,
    failures,
  };
  if (!images) return opened;
  return {
    ...opened,
    async readFile(name) {
      try {
        return await files.get(name)?.bytes();
      } catch (error) {
        // some layouts have the image in the file of its labels, so only what cannot be read is looked for
        if (error instanceof DataError && (await tree.find(name, { beside: true })) === undefined) return undefined;
        throw error;
      }
    },
  };
}

const placeOf = ({ file, labelFile }: LabelledImage, place: string | undefined, index: number): string =>
  `${labelFile ?? file}, ${place ?? `object ${index + 1}`}`;

/** The most wrong labels that are named of one map. */
const mostNamed = 5;

/** Returns what is wrong with the label map of an image. @throws whatever `read` throws, but DataError */
export async function faultsOfMap(
  file: string,
  read: () => Promise<LabelMap>,
  classes: number,
  ignore = 255,
): Promise<string[]> {
  try {
    const unknown = labelsBeyond(await read(), classes, ignore);
    if (unknown.length === 0) return [];
    const named = unknown.map(([label, count]) => `${label} (${count} pixels)`);
    return [`${file}: its label map has values that no class has: ${listed(named, mostNamed)}.`];
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    return [error.message];
  }
}

/** Returns the labels that are neither a class nor ignored, with their counts, the most frequent first. */
function labelsBeyond({ labels }: LabelMap, classes: number, ignore: number): [label: number, count: number][] {
  const counts = new Map<number, number>();
  for (const label of labels) {
    if (label >= classes && label !== ignore) counts.set(label, (counts.get(label) ?? 0) + 1);
  }
  return [...counts].toSorted(([, a], [, b]) => b - a);
}
