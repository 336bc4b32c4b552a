import type { Size } from '../arrays.ts';
import type { CocoAnnotation, CocoDetection, CocoFile, CocoSegmentation } from '../data/coco_file.ts';
import { rleOfSegmentation } from '../data/coco_rle.ts';
import { DataError, MoganetError } from '../errors.ts';
import { iouXywh } from '../postprocess/boxes.ts';
import { type Rle, rleArea, rleBoxXywh, rleIou } from '../postprocess/rle.ts';
import type { CocoGroups } from './coco_groups.ts';
import { keypointSimilarity } from './coco_keypoints.ts';
import type { CocoParameters, MasksOfImage } from './coco_parameters.ts';

/** Compares the detections of a group with its objects, and measures both. Masks exist for one group at a time. */

type Xywh = readonly [number, number, number, number];

export interface CocoInput {
  readonly truth: CocoFile;
  readonly detections: readonly CocoDetection[];
  readonly parameters: CocoParameters;
  readonly names: { readonly truth: string; readonly results: string };
  readonly maskSimilarity?: ((masks: MasksOfImage) => Float64Array) | undefined;
}

/** Areas by place in the flat arrays of the groups, filled group by group. */
export interface Areas {
  readonly truths: Float64Array;
  readonly detections: Float64Array;
}

/**
 * Returns the similarities of a group, detection by detection, and writes the areas of both sides. Undefined if there is
 * nothing to compare.
 */
export type CompareGroup = (group: number) => Float64Array | undefined;

export function groupComparison(input: CocoInput, groups: CocoGroups, areas: Areas): CompareGroup {
  const truthAt = (at: number) => new TruthObject(input, input.truth.annotations[groups.truthIndex[at]!]!, sizes);
  const sizes = new Map(input.truth.images.map((image) => [image.id, image]));
  const measure = input.detections.length > 0 ? measureBy(input.detections[0]!) : 'box';
  const detectionAt = (at: number) => {
    const place = groups.detectionIndex[at]!;
    return new DetectedObject(input, input.detections[place]!, place, sizes, measure);
  };
  const compare = comparisons[input.parameters.type];
  const noClasses = input.parameters.type === 'keypoints' && !input.parameters.useCategories;
  return (group) => {
    const truths = range(groups.truthStart, group, truthAt);
    const detections = range(groups.detectionStart, group, detectionAt);
    for (const [i, truth] of truths.entries()) areas.truths[groups.truthStart[group]! + i] = truth.area();
    for (const [i, found] of detections.entries()) areas.detections[groups.detectionStart[group]! + i] = found.area();
    // pycocotools looks the OKS up under another class and finds none
    if (truths.length === 0 || detections.length === 0 || noClasses) return undefined;
    return compare(detections, truths, input);
  };
}

function range<T>(starts: Int32Array, group: number, at: (place: number) => T): T[] {
  const [from, to] = [starts[group]!, starts[group + 1]!];
  return Array.from({ length: to - from }, (_, i) => at(from + i));
}

type Measure = 'box' | 'mask' | 'keypoints';

/** The first result decides how all are measured. */
function measureBy({ bbox, segmentation }: CocoDetection): Measure {
  if (bbox) return 'box';
  return segmentation ? 'mask' : 'keypoints';
}

type Compare = (
  detections: readonly DetectedObject[],
  truths: readonly TruthObject[],
  input: CocoInput,
) => Float64Array;

const comparisons: { readonly [type in CocoParameters['type']]: Compare } = {
  bbox: (detections, truths) =>
    iouXywh(
      detections.flatMap((detection) => detection.box()),
      truths.flatMap((truth) => truth.box()),
      truths.map(({ isCrowd }) => isCrowd),
    ),
  segm: (detections, truths, { maskSimilarity = maskIou }) =>
    maskSimilarity({
      detections: detections.map((detection) => detection.mask()),
      truths: truths.map((truth) => truth.mask()),
      crowd: truths.map(({ isCrowd }) => isCrowd),
    }),
  keypoints: (detections, truths, { parameters }) =>
    keypointSimilarity(
      detections.map((detection) => detection.keypoints(parameters.sigmas.length)),
      truths.map((truth) => ({
        keypoints: truth.keypoints(parameters.sigmas.length),
        box: () => truth.box(),
        area: truth.area(),
      })),
      parameters.sigmas,
    ),
};

/** COCO's IoU of masks. Of different sizes: -1 if their boxes overlap, else 0. */
export function maskIou({ detections, truths, crowd }: MasksOfImage): Float64Array {
  const [first] = truths;
  const fits = ({ height, width }: Rle) => height === first?.height && width === first.width;
  if (detections.every(fits) && truths.every(fits)) return rleIou(detections, truths, crowd);
  const pairs = detections.flatMap((detection) =>
    truths.map((truth, j) => pairIou(detection, truth, crowd[j] === true)),
  );
  return Float64Array.from(pairs);
}

function pairIou(detection: Rle, truth: Rle, crowd: boolean): number {
  const isSame = detection.height === truth.height && detection.width === truth.width;
  if (isSame) return rleIou([detection], [truth], [crowd])[0]!;
  return iouXywh(rleBoxXywh(detection), rleBoxXywh(truth), [crowd])[0]! > 0 ? -1 : 0;
}

type SizesById = ReadonlyMap<number, Partial<Size>>;

/** What objects and detections share: masks that are made when they are needed, once. */
abstract class Measured {
  private rle: Rle | undefined;

  constructor(
    private readonly own: CocoAnnotation | CocoDetection,
    private readonly sizes: SizesById,
  ) {}

  /** Names the entry in messages. */
  protected abstract place(): string;
  abstract area(): number;
  abstract box(): Xywh;

  mask(): Rle {
    this.rle ??= this.filled(this.segmentation());
    return this.rle;
  }

  protected segmentation(): CocoSegmentation {
    const { segmentation } = this.own;
    if (segmentation && !isEmpty(segmentation)) return segmentation;
    throw new DataError(`${this.place()} has no segmentation: without a mask it cannot be compared by masks.`);
  }

  private filled(segmentation: CocoSegmentation): Rle {
    const { height, width } = this.sizes.get(this.own.image_id) ?? {};
    if (!('counts' in segmentation) && (height === undefined || width === undefined)) {
      const image = `image ${this.own.image_id} states no height and width`;
      throw new DataError(`${this.place()}: ${image}, which its polygons need to become a mask.`);
    }
    try {
      return rleOfSegmentation(segmentation, { height: height ?? 0, width: width ?? 0 });
    } catch (cause) {
      if (!(cause instanceof MoganetError)) throw cause;
      throw new DataError(`${this.place()}: segmentation: ${cause.message}`, { cause });
    }
  }

  keypoints(count: number): readonly number[] {
    const { keypoints } = this.own;
    if (!keypoints) throw new DataError(`${this.place()} has no keypoints. Leave its class out, or evaluate boxes.`);
    if (keypoints.length === 3 * count) return keypoints;
    const what = `has ${keypoints.length / 3} keypoints, but there are sigmas for ${count}`;
    throw new DataError(`${this.place()} ${what}. Give a sigma for each keypoint.`);
  }
}

const isEmpty = (segmentation: CocoSegmentation): boolean => !('counts' in segmentation) && segmentation.length === 0;

class TruthObject extends Measured {
  constructor(
    private readonly input: CocoInput,
    private readonly annotation: CocoAnnotation,
    sizes: SizesById,
  ) {
    super(annotation, sizes);
  }

  get isCrowd(): boolean {
    return this.annotation.iscrowd === 1;
  }

  protected place(): string {
    return `${this.input.names.truth}: annotation ${this.annotation.id}`;
  }

  /** As stated, else of the mask, else of the box. */
  area(): number {
    const { area, segmentation, bbox } = this.annotation;
    if (area !== undefined) return area;
    if (segmentation && !isEmpty(segmentation)) return rleArea(this.mask());
    if (bbox) return bbox[2] * bbox[3];
    throw new DataError(`${this.place()} has no area, and neither a segmentation nor a bbox to compute it from.`);
  }

  box(): Xywh {
    const { bbox, segmentation } = this.annotation;
    if (bbox) return bbox;
    if (segmentation && !isEmpty(segmentation)) return rleBoxXywh(this.mask());
    throw new DataError(`${this.place()} has no bbox, and no segmentation to compute it from.`);
  }
}

class DetectedObject extends Measured {
  constructor(
    private readonly input: CocoInput,
    private readonly detection: CocoDetection,
    private readonly index: number,
    sizes: SizesById,
    private readonly measure: Measure,
  ) {
    super(detection, sizes);
  }

  protected place(): string {
    return `${this.input.names.results}: entry ${this.index}`;
  }

  area(): number {
    if (this.measure === 'mask') return rleArea(this.mask());
    const [, , width, height] = this.measure === 'box' ? this.stated() : this.around();
    return width * height;
  }

  box(): Xywh {
    if (this.measure === 'box') return this.stated();
    if (this.measure === 'mask') return this.detection.bbox ?? rleBoxXywh(this.mask());
    return this.around();
  }

  /** A result that is measured by its box is a mask of that box if it has none. */
  protected override segmentation(): CocoSegmentation {
    if (this.measure !== 'box' || this.detection.segmentation) return super.segmentation();
    const [x, y, width, height] = this.stated();
    const [right, bottom] = [x + width, y + height];
    return [[x, y, x, bottom, right, bottom, right, y]];
  }

  private stated(): Xywh {
    const { bbox } = this.detection;
    if (bbox) return bbox;
    throw new DataError(`${this.place()} has no bbox. The first result has one, so that all are measured by it.`);
  }

  /** The box around all keypoints, whether they are visible or not. */
  private around(): Xywh {
    const { keypoints } = this.detection;
    if (!keypoints) throw new DataError(`${this.place()} has no keypoints. The first result has nothing else.`);
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < keypoints.length; i += 3) {
      const [x, y] = [keypoints[i]!, keypoints[i + 1]!];
      [left, right] = [Math.min(left, x), Math.max(right, x)];
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
    return [left, top, right - left, bottom - top];
  }
}
