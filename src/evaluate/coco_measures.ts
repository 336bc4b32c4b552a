import type { Size } from '../arrays.ts';
import type { CocoAnnotation, CocoDetection, CocoFile, CocoSegmentation } from '../data/coco_file.ts';
import { hasMask, rleOfSegmentation, type Xywh } from '../data/coco_shapes.ts';
import { DataError, MoganetError } from '../errors.ts';
import { type Rle, rleArea, rleBoxXywh } from '../postprocess/rle.ts';
import type { CocoParameters, MasksOfImage } from './coco_parameters.ts';

/** What COCO measures of objects and detections: their boxes, areas, masks and keypoints, stated or computed. */

export interface CocoInput {
  readonly truth: CocoFile;
  readonly detections: readonly CocoDetection[];
  readonly parameters: CocoParameters;
  /** The names of both files in messages. */
  readonly names: { readonly truth: string; readonly results: string };
  readonly maskSimilarity?: ((masks: MasksOfImage) => Float64Array) | undefined;
}

/** Measures of one side, by position in the flat arrays of the groups. All throw a DataError for what cannot be had. */
export interface Measured {
  isCrowd(at: number): boolean;
  area(at: number): number;
  box(at: number): Xywh;
  mask(at: number): Rle;
  keypoints(at: number): readonly number[];
}

/**
 * Measures objects as they state it. An area that is missing is the mask's, else the box's; a box is the mask's.
 *
 * @param index position of each object in the list of annotations
 */
export function measuredTruths({ truth, parameters, names }: CocoInput, index: Int32Array): Measured {
  const own = (at: number) => truth.annotations[index[at]!]!;
  const place = (at: number) => `${names.truth}: annotation ${own(at).id}`;
  const segmentation = (at: number) => own(at).segmentation ?? noMask(place(at));
  const mask = masksOf(truth, own, segmentation, place);
  return {
    isCrowd: (at) => own(at).iscrowd === 1,
    area: (at) => {
      const { area, bbox, segmentation: stated } = own(at);
      if (area !== undefined) return area;
      if (hasMask(stated)) return rleArea(mask(at));
      if (bbox) return bbox[2] * bbox[3];
      throw new DataError(`${place(at)} has no area, and neither a segmentation nor a bbox to compute it from.`);
    },
    box: (at) => {
      const { bbox, segmentation: stated } = own(at);
      if (bbox) return bbox;
      if (hasMask(stated)) return rleBoxXywh(mask(at));
      throw new DataError(`${place(at)} has no bbox, and no segmentation to compute it from.`);
    },
    mask,
    keypoints: (at) => keypointsOf(own(at), parameters.sigmas.length, () => place(at)),
  };
}

/**
 * Measures detections as the first result decides: all by their boxes, by their masks, or by the boxes around all of their
 * keypoints.
 *
 * @param index position of each detection in the list of results
 */
export function measuredDetections({ truth, detections, parameters, names }: CocoInput, index: Int32Array): Measured {
  const own = (at: number) => detections[index[at]!]!;
  const place = (at: number) => `${names.results}: entry ${index[at]}`;
  const stated = (at: number) => own(at).bbox ?? noBox(place(at));
  const around = (at: number) => boxAround(own(at).keypoints ?? noKeypoints(place(at)));
  const first = measureBy(detections[0]);
  // a result that is measured by its box is a mask of that box if it has none
  const segmentation = (at: number) =>
    own(at).segmentation ?? (first === 'box' ? outlineOf(stated(at)) : noMask(place(at)));
  const mask = masksOf(truth, own, segmentation, place);
  const boxes = {
    box: stated,
    mask: (at: number) => own(at).bbox ?? rleBoxXywh(mask(at)),
    keypoints: around,
  };
  const box = boxes[first];
  return {
    isCrowd: () => false,
    area: (at) => {
      if (first === 'mask') return rleArea(mask(at));
      const measured = box(at);
      return measured[2] * measured[3];
    },
    box,
    mask,
    keypoints: (at) => keypointsOf(own(at), parameters.sigmas.length, () => place(at)),
  };
}

function measureBy({ bbox, segmentation }: Partial<CocoDetection> = {}): 'box' | 'mask' | 'keypoints' {
  if (bbox) return 'box';
  return segmentation ? 'mask' : 'keypoints';
}

/** Returns a function that makes masks. It keeps the last few, since areas, boxes and comparisons ask for the same ones. */
function masksOf(
  { images }: CocoFile,
  own: (at: number) => CocoAnnotation | CocoDetection,
  segmentationOf: (at: number) => CocoSegmentation,
  place: (at: number) => string,
): (at: number) => Rle {
  const sizes = new Map(images.map((image) => [image.id, image]));
  const kept = new Map<number, Rle>();
  return (at) => {
    const known = kept.get(at);
    if (known) return known;
    const segmentation = segmentationOf(at);
    if (!hasMask(segmentation)) return noMask(place(at));
    const mask = filled(segmentation, sizes.get(own(at).image_id) ?? {}, () => place(at));
    if (kept.size >= mostKept) kept.clear();
    kept.set(at, mask);
    return mask;
  };
}

/** More than the detections of a group, of which COCO takes 100. */
const mostKept = 1024;

function filled(segmentation: CocoSegmentation, { height, width }: Partial<Size>, place: () => string): Rle {
  if (!('counts' in segmentation) && (height === undefined || width === undefined)) {
    throw new DataError(`${place()}: its image states no height and width, which polygons need to become a mask.`);
  }
  try {
    return rleOfSegmentation(segmentation, { height: height ?? 0, width: width ?? 0 });
  } catch (cause) {
    if (!(cause instanceof MoganetError)) throw cause;
    throw new DataError(`${place()}: segmentation: ${cause.message}`, { cause });
  }
}

function keypointsOf(
  { keypoints }: CocoAnnotation | CocoDetection,
  count: number,
  place: () => string,
): readonly number[] {
  if (!keypoints) return noKeypoints(place());
  if (keypoints.length === 3 * count) return keypoints;
  throw new DataError(
    `${place()} has ${keypoints.length / 3} keypoints, but there are sigmas for ${count}. Give a sigma for each keypoint.`,
  );
}

/** The box around all keypoints, whether they are visible or not. */
function boxAround(keypoints: readonly number[]): Xywh {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i < keypoints.length; i += 3) {
    const [x, y] = [keypoints[i]!, keypoints[i + 1]!];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return [left, top, right - left, bottom - top];
}

function outlineOf([x, y, width, height]: Xywh): CocoSegmentation {
  const [right, bottom] = [x + width, y + height];
  return [[x, y, x, bottom, right, bottom, right, y]];
}

function noMask(place: string): never {
  throw new DataError(`${place} has no segmentation: without a mask it cannot be compared by masks.`);
}

function noBox(place: string): never {
  throw new DataError(`${place} has no bbox. The first result has one, and so all are measured by it.`);
}

function noKeypoints(place: string): never {
  throw new DataError(`${place} has no keypoints. Leave its class out, or evaluate boxes or masks.`);
}
