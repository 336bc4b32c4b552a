import { rleToString } from '../postprocess/rle.ts';
import type { CocoAnnotation, CocoCategory, CocoFile, CocoImage, CocoSegmentation } from './coco_file.ts';
import type { ImageSet, LabelledImage, LabelledObject } from './image_set.ts';

/** Any data set with objects as an annotation file of COCO, so that COCO's metrics can be computed on it. */

/** Collects images, as they are read, into one annotation file. */
export interface CocoCollector {
  /** Adds an image with its objects. Returns the id that it has in the file. */
  add(image: LabelledImage): number;
  /** Returns the file with the images that were added. */
  file(): CocoFile;
}

/**
 * Starts an annotation file for a data set. One of COCO keeps its own: ids, order, and what is in it twice; if only some
 * images are added, it has those. Else images and objects are numbered from 1, classes as `categoryIds` says, by default
 * from 1.
 *
 * COCO's metrics do not know objects that are hard to see. One that VOC marks as difficult becomes a crowd: as in VOC's own
 * evaluation it need not be found, and a detection on it counts neither as right nor as wrong.
 */
export function cocoCollector(set: ImageSet): CocoCollector {
  return set.coco ? partOf(set.coco) : collectorFor(set);
}

/** Reads all images of a data set, without their pixels, and returns their labels as one annotation file. See `cocoCollector`. */
export async function cocoOf(set: ImageSet): Promise<CocoFile> {
  if (set.coco) return set.coco;
  const collector = cocoCollector(set);
  for await (const image of set.images()) collector.add(image);
  return collector.file();
}

/** Returns the category id of a label in the annotation file of a data set. */
export const categoryIdOf = (set: Pick<ImageSet, 'categoryIds'>, label: number): number =>
  set.categoryIds?.[label] ?? label + 1;

function partOf(coco: CocoFile): CocoCollector {
  const ids = new Set<number>();
  return {
    add(image) {
      ids.add(Number(image.id));
      return Number(image.id);
    },
    file() {
      const images = coco.images.filter(({ id }) => ids.has(id));
      if (images.length === coco.images.length) return coco;
      return { ...coco, images, annotations: coco.annotations.filter(({ image_id: id }) => ids.has(id)) };
    },
  };
}

function collectorFor(set: ImageSet): CocoCollector {
  const images: CocoImage[] = [];
  const annotations: CocoAnnotation[] = [];
  const idOf = (label: number) => categoryIdOf(set, label);
  return {
    add({ file, size, objects = [] }) {
      const id = images.length + 1;
      images.push({ id, file_name: file, height: size.height, width: size.width });
      for (const object of objects)
        annotations.push(annotationOf(object, annotations.length + 1, id, idOf(object.label)));
      return id;
    },
    file: () => ({ images, annotations, categories: categoriesOf(set) }),
  };
}

function categoriesOf(set: ImageSet): CocoCategory[] {
  const { classes, keypoints } = set;
  const points = keypoints && {
    keypoints: keypoints.names,
    skeleton: keypoints.skeleton.map(([a, b]): [number, number] => [a + 1, b + 1]),
  };
  return classes.map((name, label) => ({ id: categoryIdOf(set, label), name, ...points }));
}

function annotationOf(object: LabelledObject, id: number, image: number, category: number): CocoAnnotation {
  const [x1, y1, x2, y2] = object.box;
  const { keypoints } = object;
  return {
    id,
    image_id: image,
    category_id: category,
    bbox: [x1, y1, x2 - x1, y2 - y1],
    area: object.area,
    iscrowd: object.crowd || object.difficult ? 1 : 0,
    segmentation: segmentationOf(object),
    keypoints: keypoints?.flat(),
    num_keypoints: keypoints?.filter(([, , visibility]) => visibility > 0).length,
  };
}

function segmentationOf({ polygons, mask }: LabelledObject): CocoSegmentation | undefined {
  if (polygons) return polygons;
  return mask && { size: [mask.height, mask.width], counts: rleToString(mask) };
}
