import type { Size } from '../arrays.ts';
import type { CocoAnnotation, CocoDetection, CocoFile, CocoSegmentation } from '../data/coco_file.ts';
import { hasMask, rleOfSegmentation } from '../data/coco_shapes.ts';
import { DataError, MoganetError } from '../errors.ts';
import { iouXywh } from '../postprocess/boxes.ts';
import { type Rle, rleBoxXywh } from '../postprocess/rle.ts';
import { maskIou } from './coco_similarity.ts';

/** The objects and detections of one image after the other, and how much they overlap. */

/** What is compared: boxes or masks. */
export type RegionType = 'bbox' | 'segm';

/** One image: positions in the lists of annotations and of results, both in the order of the file. */
export interface ImageRegions {
  readonly imageId: number;
  readonly truths: readonly number[];
  readonly detections: readonly number[];
}

/**
 * Sorts objects and detections by image, in the order in which the file lists images.
 *
 * @throws DataError for an annotation or a result of an image that is not listed
 */
export function regionsByImage(truth: CocoFile, detections: readonly CocoDetection[]): ImageRegions[] {
  const byId = new Map(
    truth.images.map(({ id }) => [id, { imageId: id, truths: [] as number[], detections: [] as number[] }]),
  );
  const imageOf = (id: number, what: string) => {
    const image = byId.get(id);
    if (image) return image;
    throw new DataError(`${what} belongs to the image ${id}, which is not listed. Leave it out, or list the image.`);
  };
  for (const [at, { image_id }] of truth.annotations.entries()) imageOf(image_id, `annotation ${at}`).truths.push(at);
  for (const [at, { image_id }] of detections.entries()) imageOf(image_id, `result ${at}`).detections.push(at);
  return [...byId.values()];
}

/** Returns the ids of the classes, ascending, without repeats. */
export const categoryIdsOf = ({ categories }: CocoFile): number[] =>
  [...new Set(categories.map(({ id }) => id))].sort((a, b) => a - b);

/** Overlaps of the detections of an image (rows) with its objects (columns). */
export interface Overlaps {
  /** IoU, also with crowds as if they were objects; not more than 0 for masks of different sizes. */
  readonly iou: Float64Array;
  /** The share of the detection that lies in the object. */
  readonly inside: Float64Array;
}

/** Computes overlaps as COCO does. Sizes of images are looked up once. */
export function overlapReader(truth: CocoFile, type: RegionType) {
  const sizes = new Map<number, Size | undefined>(
    truth.images.map(({ id, height, width }) => [
      id,
      height === undefined || width === undefined ? undefined : { height, width },
    ]),
  );
  const maskOf = (region: CocoAnnotation | CocoDetection, name: string) =>
    maskFrom(region.segmentation, sizes.get(region.image_id), name);
  const boxOf = (region: CocoAnnotation | CocoDetection, name: string): readonly number[] =>
    region.bbox ?? rleBoxXywh(maskOf(region, name));

  /** The objects and the detections, with their names for messages. */
  return (detections: readonly Named<CocoDetection>[], truths: readonly Named<CocoAnnotation>[]): Overlaps => {
    const none = truths.map(() => false);
    const crowd = truths.map(() => true);
    if (type === 'bbox') {
      const ofDetections = detections.flatMap(([region, name]) => boxOf(region, name));
      const ofTruths = truths.flatMap(([region, name]) => boxOf(region, name));
      return { iou: iouXywh(ofDetections, ofTruths, none), inside: iouXywh(ofDetections, ofTruths, crowd) };
    }
    const ofDetections = detections.map(([region, name]) => maskOf(region, name));
    const ofTruths = truths.map(([region, name]) => maskOf(region, name));
    const masks = { detections: ofDetections, truths: ofTruths };
    return { iou: maskIou({ ...masks, crowd: none }), inside: maskIou({ ...masks, crowd }) };
  };
}

type Named<T> = readonly [region: T, name: string];

/**
 * Returns a mask as COCO draws it.
 *
 * @param size of the image, which polygons need
 * @throws DataError if there is no mask, or polygons in an image without a size
 */
function maskFrom(segmentation: CocoSegmentation | undefined, size: Size | undefined, name: string): Rle {
  if (!hasMask(segmentation)) {
    throw new DataError(`${name} has no mask. Leave it out, or compare boxes (bbox).`);
  }
  if (!('counts' in segmentation) && !size) {
    throw new DataError(`${name}: its image has no height and width, which polygons need. Add them.`);
  }
  try {
    return rleOfSegmentation(segmentation, size ?? { height: 0, width: 0 });
  } catch (cause) {
    if (!(cause instanceof MoganetError)) throw cause;
    throw new DataError(`${name}: segmentation: ${cause.message}`, { cause });
  }
}
