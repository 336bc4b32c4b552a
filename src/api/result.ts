import type { Raster } from '../image/raster.ts';
import type { Size } from '../ndarray.ts';
import { runCollector } from '../postprocess/rle.ts';
import { cropInstance } from '../render/cutout.ts';
import {
  drawClassification,
  drawDetections,
  drawLegend,
  drawSegmentation,
  type OverlayOptions,
  segmentationLegend,
  sideBySide,
} from '../render/index.ts';
import { categoryIds } from './coco.ts';
import { type Mask, type RleText, rleText } from './mask.ts';

/** Milliseconds of each step. */
export type Timings = Readonly<Record<string, number>>;

export interface Segmentation {
  /** height × width of the image: an index into `names` for every pixel. */
  readonly labels: Uint8Array | Uint16Array;
  readonly names: readonly string[];
}

/** The likeliest classes of the image, the likeliest first. */
export interface Classification {
  /** Indices into `names`. */
  readonly labels: Int32Array;
  /** Softmax over all classes. */
  readonly scores: Float32Array;
  /** All classes of the model. */
  readonly names: readonly string[];
}

export interface Instance {
  readonly label: number;
  readonly name: string;
  readonly score: number;
  /** x1, y1, x2, y2 in the image's pixels. */
  readonly box: readonly [number, number, number, number];
  readonly mask?: Mask;
}

/** Parallel arrays, best first. */
export interface ResultFields {
  /** n × (x1, y1, x2, y2) in the image's pixels. */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks?: readonly Mask[];
  /** Class names of `labels`; empty where the model has no detector. */
  readonly names: readonly string[];
  readonly segmentation?: Segmentation;
  readonly classification?: Classification;
  /** What a head of one's own decoded. */
  readonly head?: unknown;
  readonly image: Raster;
  readonly timings: Timings;
}

export interface RenderOptions extends OverlayOptions {
  /** Default: what the model gives; detections where it gives them with a segmentation. `both` is these two. */
  readonly draw?: 'detections' | 'segmentation' | 'both' | 'classification';
}

/** What a model found in one image: plain typed arrays in the image's own pixels, and the forms that people use. */
export class Result implements ResultFields, Iterable<Instance> {
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks?: readonly Mask[];
  readonly names: readonly string[];
  readonly segmentation?: Segmentation;
  readonly classification?: Classification;
  readonly head?: unknown;
  /** The decoded image, RGBA. */
  readonly image: Raster;
  readonly timings: Timings;

  constructor(fields: ResultFields) {
    this.boxes = fields.boxes;
    this.scores = fields.scores;
    this.labels = fields.labels;
    if (fields.masks) this.masks = fields.masks;
    this.names = fields.names;
    if (fields.segmentation) this.segmentation = fields.segmentation;
    if (fields.classification) this.classification = fields.classification;
    if (fields.head !== undefined) this.head = fields.head;
    this.image = fields.image;
    this.timings = fields.timings;
  }

  get length(): number {
    return this.scores.length;
  }

  get imageSize(): Size {
    return { height: this.image.height, width: this.image.width };
  }

  /** @throws RangeError where there is no instance `i` */
  at(i: number): Instance {
    const label = this.labels[i];
    if (label === undefined) throw new RangeError(`there is no instance ${i}: the result has ${this.length}.`);
    const [x1, y1, x2, y2] = this.boxes.subarray(4 * i, 4 * i + 4);
    const mask = this.masks?.[i];
    return {
      label,
      name: this.names[label] ?? `class ${label}`,
      score: this.scores[i]!,
      box: [x1!, y1!, x2!, y2!],
      ...(mask && { mask }),
    };
  }

  *[Symbol.iterator](): Iterator<Instance> {
    for (let i = 0; i < this.length; i++) yield this.at(i);
  }

  /** The instances for which `keep` is true; the segmentation stays. */
  filter(keep: (instance: Instance, i: number) => boolean): Result {
    const kept = [...this].flatMap((instance, i) => (keep(instance, i) ? [i] : []));
    return new Result({
      ...this,
      boxes: Float32Array.from(kept.flatMap((i) => [...this.boxes.subarray(4 * i, 4 * i + 4)])),
      scores: Float32Array.from(kept, (i) => this.scores[i]!),
      labels: Int32Array.from(kept, (i) => this.labels[i]!),
      ...(this.masks && { masks: kept.map((i) => this.masks![i]!) }),
    });
  }

  /** Instance `i` cut out of the image: RGBA, transparent outside its mask (or its box, where there is none). */
  crop(i: number): Raster {
    const { box, mask } = this.at(i);
    return cropInstance(this.image, box, mask);
  }

  /** The image with what was found drawn on it; nothing is changed in `image`. */
  render(options: RenderOptions = {}): Raster {
    const { draw = this.kind(), ...overlay } = options;
    if (draw === 'detections') return drawDetections(this.image, this, overlay);
    if (draw === 'classification') {
      if (!this.classification) throw new RangeError('the model has no classification to draw.');
      return drawClassification(this.image, this.classification, overlay);
    }
    if (!this.segmentation) throw new RangeError('the model has no segmentation to draw.');
    const { labels, names } = this.segmentation;
    const segmented = drawLegend(
      drawSegmentation(this.image, labels, { names }),
      segmentationLegend(labels, { names }),
    );
    if (draw === 'segmentation') return segmented;
    return sideBySide([{ raster: drawDetections(this.image, this, overlay) }, { raster: segmented }]);
  }

  private kind(): 'detections' | 'segmentation' | 'classification' {
    if (this.names.length > 0) return 'detections';
    return this.segmentation ? 'segmentation' : this.classification ? 'classification' : 'detections';
  }

  /**
   * Plain data for JSON: instances, each region class with its share and mask, the likeliest classes of the image. Timings
   * only when asked for.
   */
  toJSON({ timings = false }: { timings?: boolean } = {}): ResultJson {
    return {
      image: this.imageSize,
      ...(this.names.length > 0 && {
        instances: Array.from(this, ({ mask, ...instance }) => ({
          ...instance,
          ...(mask && { area: mask.area, mask: mask.toRle() }),
        })),
      }),
      ...(this.segmentation && { regions: regionsOf(this.segmentation, this.imageSize) }),
      ...(this.classification && { classes: classesOf(this.classification) }),
      ...(timings && { timings: this.timings }),
    };
  }

  /** COCO's results format: boxes as x, y, width, height; labels as the data set's category ids. */
  toCOCO({ imageId }: { imageId: number | string }): CocoResult[] {
    const ids = categoryIds(this.names);
    return Array.from(this, ({ label, score, box: [x1, y1, x2, y2], mask }) => ({
      image_id: imageId,
      category_id: ids[label]!,
      bbox: [x1, y1, x2 - x1, y2 - y1],
      score,
      ...(mask && { segmentation: mask.toRle() }),
    }));
  }
}

export interface ResultJson {
  readonly image: Size;
  readonly instances?: readonly (Omit<Instance, 'mask'> & { readonly area?: number; readonly mask?: RleText })[];
  readonly regions?: readonly RegionJson[];
  readonly classes?: readonly ClassJson[];
  readonly timings?: Timings;
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

export interface CocoResult {
  readonly image_id: number | string;
  readonly category_id: number;
  readonly bbox: readonly [number, number, number, number];
  readonly score: number;
  readonly segmentation?: RleText;
}

const classesOf = ({ labels, scores, names }: Classification): ClassJson[] =>
  Array.from(labels, (label, i) => ({ label, name: names[label] ?? `class ${label}`, score: scores[i]! }));

/** The classes that occur, each with its mask: one pass down the columns, which is COCO's order. */
function regionsOf({ labels, names }: Segmentation, size: Size): RegionJson[] {
  const { height, width } = size;
  const runs = new Map<number, { pixels: number; collector: ReturnType<typeof runCollector> }>();
  const end = height * width;
  let start = 0;
  let current = labels[0]!;
  const close = (position: number) => {
    const region = runs.get(current) ?? { pixels: 0, collector: runCollector(size) };
    region.pixels += position - start;
    region.collector.add(start, position);
    runs.set(current, region);
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
  const found = [...runs].sort(([a], [b]) => a - b);
  return found.map(([label, { pixels, collector }]) => ({
    label,
    name: names[label] ?? `class ${label}`,
    pixels,
    share: pixels / end,
    mask: rleText(collector.finish()),
  }));
}
