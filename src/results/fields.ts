import type { Size } from '../arrays.ts';
import type { Dataset } from '../datasets/index.ts';
import type { Raster } from '../image/raster.ts';
import type { CompactMask } from '../postprocess/masks.ts';
import { type Rle, runCollector } from '../postprocess/rle.ts';
import { unlabelledOf } from '../render/colors.ts';
import { cropInstance } from '../render/compose.ts';
import { Mask } from './mask.ts';
import { Pixels } from './pixels.ts';
import type { PoseFields } from './poses.ts';

/** What a result holds, as plain data, and the two readings that the formats share: by instance and by class. */

/**
 * Milliseconds: the steps `decode` and `preprocess`, each part of the model (`features`, …), each task after the network; their sums
 * `network` and `postprocess`; `total`, the time of the work; and `waited`, the time in queues, which is not part of it.
 */
export type Timings = Readonly<Record<string, number>>;

/** Milliseconds of the four stages of a prediction. */
export interface Speed {
  readonly decode: number;
  readonly preprocess: number;
  /** All parts of the network. */
  readonly inference: number;
  readonly postprocess: number;
}

/** Where a result comes from, so that a file of results can be understood years later. */
export interface Origin {
  readonly model: {
    readonly name: string;
    /**
     * Hash of the weights that ran, by their values (`weightsHash` in `library/load.ts`). Absent if the page has no
     * `crypto.subtle` (it is served without https).
     */
    readonly sha256?: string | undefined;
  };
  /** Name of the engine. */
  readonly engine: string;
  /** Path, URL or file name of the image; absent for bytes and pixels. */
  readonly file?: string | undefined;
}

/** A class for every pixel. */
export interface Segmentation {
  /** height × width of the image: an index into `classes` for every pixel; 255 (65535 above 255 classes) is no class. */
  readonly labels: Uint8Array | Uint16Array;
  /** All classes of the model, by label. */
  readonly classes: readonly string[];
  /** Gives the colours. */
  readonly dataset?: Dataset | undefined;
}

/** The most likely classes of the image, best first. */
export interface Classification {
  /** Indices into `classes`. */
  readonly labels: Int32Array;
  /** Softmax over all classes. */
  readonly scores: Float32Array;
  /** All classes of the model, by label: the name of entry `i` is `classes[labels[i]]`. */
  readonly classes: readonly string[];
}

/** One detected object. */
export class Instance {
  /** Its place in the result that it comes from. */
  readonly index: number;
  readonly label: number;
  readonly name: string;
  readonly score: number;
  /** x1, y1, x2, y2 in pixels of the image. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  readonly mask?: Mask | undefined;
  readonly #image: Raster;

  /** Made by `result.at(i)` and by iteration over a result. @throws RangeError if there is no instance `i` */
  constructor({ boxes, scores, labels, masks, classes, image }: ResultFields, i: number) {
    const label = labels[i];
    const score = scores[i];
    if (label === undefined || score === undefined) {
      throw new RangeError(`there is no instance ${i}: the result has ${scores.length}.`);
    }
    const [x1 = 0, y1 = 0, x2 = 0, y2 = 0] = boxes.subarray(4 * i, 4 * i + 4);
    const mask = masks?.[i];
    this.index = i;
    this.label = label;
    this.name = nameOf(classes, label);
    this.score = score;
    this.box = [x1, y1, x2, y2];
    this.mask = mask && Mask.from(mask);
    this.#image = image;
  }

  /**
   * Cuts the instance out of the image: RGBA, transparent outside its mask (or its box, if there is no mask).
   *
   * @throws ShapeError if the box covers no pixel of the image
   */
  crop(): Pixels {
    return new Pixels(cropInstance(this.#image, this.box, this.mask));
  }
}

/** Detections as parallel arrays, best first, and what the other tasks of the model found. */
export interface ResultFields<Custom = unknown> {
  /** n × (x1, y1, x2, y2) in pixels of the image. */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks?: readonly CompactMask[] | undefined;
  /** All classes of the detector, by label; empty if detection did not run. */
  readonly classes: readonly string[];
  /** The data set of `labels`, if the model's configuration names one. Gives colours and category ids. */
  readonly dataset?: Dataset | undefined;
  readonly segmentation?: Segmentation | undefined;
  readonly classification?: Classification | undefined;
  readonly poses?: PoseFields | undefined;
  /** What a custom head decoded. */
  readonly custom?: Custom | undefined;
  /** The decoded image, RGBA. */
  readonly image: Raster;
  readonly timings: Timings;
  /** Model, engine and image file. */
  readonly origin?: Origin | undefined;
}

/** Tells if detection ran. It may have found nothing. */
export const hasDetection = ({ classes }: Pick<ResultFields, 'classes'>): boolean => classes.length > 0;

/** Returns the error for a task that a result does not have. */
export const withoutTask = (task: string): RangeError =>
  new RangeError(`this result has no ${task}: the model has none, or \`only\` left it out.`);

/** @throws RangeError if detection did not run */
export function checkDetection(result: Pick<ResultFields, 'classes'>): void {
  if (!hasDetection(result)) throw withoutTask('detection');
}

/** The name of a label, also of one beyond the classes. */
export const nameOf = (classes: readonly string[], label: number): string => classes[label] ?? `class ${label}`;

/** Returns the part of a box in an image; undefined if it has no area there. */
export function boxIn({ height, width }: Size, [x1, y1, x2, y2]: Instance['box']): Instance['box'] | undefined {
  const [left, right] = [Math.max(x1, 0), Math.min(x2, width)];
  const [top, bottom] = [Math.max(y1, 0), Math.min(y2, height)];
  return left < right && top < bottom ? [left, top, right, bottom] : undefined;
}

/** The instances one by one, best first. */
export function* instancesOf(fields: ResultFields): Generator<Instance> {
  for (let i = 0; i < fields.scores.length; i++) yield new Instance(fields, i);
}

/** One class of a label map with all its pixels. */
export interface ClassPixels {
  readonly label: number;
  readonly name: string;
  readonly pixels: number;
  readonly rle: Rle;
}

/** The classes that occur in a label map, the lowest label first. Reads it once, by columns, as COCO's run lengths go. */
export function classPixels(segmentation: Segmentation, size: Size): ClassPixels[] {
  const { labels, classes } = segmentation;
  const { height, width } = size;
  const found = new Map<number, { pixels: number; collector: ReturnType<typeof runCollector> }>();
  const end = height * width;
  let start = 0;
  let current = labels[0]!;
  const close = (position: number) => {
    const one = found.get(current) ?? { pixels: 0, collector: runCollector(size) };
    one.pixels += position - start;
    one.collector.add(start, position);
    found.set(current, one);
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
  found.delete(unlabelledOf(segmentation.classes));
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([label, { pixels, collector }]) => ({
      label,
      name: nameOf(classes, label),
      pixels,
      rle: collector.finish(),
    }));
}
