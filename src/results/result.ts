import type { Size, Weights } from '../arrays.ts';
import type { Dataset } from '../datasets/index.ts';
import type { Raster } from '../image/raster.ts';
import { checkCoco, checkRender } from '../library/options.ts';
import { cropInstance } from '../render/compose.ts';
import {
  drawClassification,
  drawDetections,
  drawLegend,
  drawSegmentation,
  type OverlayOptions,
  segmentationLegend,
  sideBySide,
} from '../render/index.ts';
import { type CocoResult, cocoResults } from './coco.ts';
import { type ResultJson, resultJson, unlabelledOf } from './json.ts';
import { type LabelmeFile, type LabelmeOptions, labelmeFile } from './labelme.ts';
import type { Mask } from './mask.ts';
import { instancePng, labelPng } from './png.ts';
import { type YoloOptions, yoloText } from './yolo.ts';

/** Where a result comes from: what a file of results needs, to be understood years later. */
export interface Origin {
  readonly model: {
    readonly name: string;
    /** Of the weights that ran, see `weightsHash`; absent where the page has no `crypto.subtle` (it is not served by https). */
    readonly sha256?: string;
  };
  /** Name of the engine that ran it. */
  readonly engine: string;
  /** Path, address or file name of the image; absent for bytes and pixels. */
  readonly file?: string;
}

/**
 * SHA-256 of weights by their values: of one line per parameter, sorted by key, `key shape sha256` with the shape as
 * `64x3x3x3` and the hash of its little-endian float32 values. So it is the same for the `.pth` file and for what was
 * converted from it, and differs between averaged and plain weights of one file. Hex.
 */
export async function weightsHash(weights: Weights): Promise<string | undefined> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return undefined;
  const sha256 = async (bytes: Uint8Array<ArrayBuffer>) =>
    Array.from(new Uint8Array(await subtle.digest('SHA-256', bytes)), (byte) =>
      byte.toString(16).padStart(2, '0'),
    ).join('');
  const lines: string[] = [];
  for (const key of [...weights.keys()].sort()) {
    const { shape, data } = weights.get(key)!;
    // tensors are never in shared memory, which `digest` refuses
    const bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    lines.push(`${key} ${shape.join('x')} ${await sha256(bytes)}\n`);
  }
  return sha256(new TextEncoder().encode(lines.join('')));
}

/** Milliseconds of each step. */
export type Timings = Readonly<Record<string, number>>;

/** A class for every pixel. */
export interface Segmentation {
  /** height × width of the image: an index into `names` for every pixel; 255 (65535 above 255 classes) is no class. */
  readonly labels: Uint8Array | Uint16Array;
  readonly names: readonly string[];
  /** Gives the colours. */
  readonly dataset?: Dataset | undefined;
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

/** One object that was found. */
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
  /** The data set of `labels`: gives colours and category ids. */
  readonly dataset?: Dataset | undefined;
  readonly segmentation?: Segmentation;
  readonly classification?: Classification;
  /** What a head of one's own decoded. */
  readonly head?: unknown;
  readonly image: Raster;
  readonly timings: Timings;
  readonly origin?: Origin;
}

/** What is drawn, and how. */
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
  /** The data set of `labels`, if the model's configuration says it. */
  readonly dataset?: Dataset | undefined;
  readonly segmentation?: Segmentation;
  readonly classification?: Classification;
  readonly head?: unknown;
  /** The decoded image, RGBA. */
  readonly image: Raster;
  readonly timings: Timings;
  /** Model, engine and image file. */
  readonly origin?: Origin;

  constructor(fields: ResultFields) {
    this.boxes = fields.boxes;
    this.scores = fields.scores;
    this.labels = fields.labels;
    if (fields.masks) this.masks = fields.masks;
    this.names = fields.names;
    this.dataset = fields.dataset;
    if (fields.segmentation) this.segmentation = fields.segmentation;
    if (fields.classification) this.classification = fields.classification;
    if (fields.head !== undefined) this.head = fields.head;
    this.image = fields.image;
    this.timings = fields.timings;
    if (fields.origin) this.origin = fields.origin;
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

  /** The instances, best first. */
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
    checkRender(options);
    const { draw = this.kind(), ...overlay } = options;
    if (draw === 'detections') return drawDetections(this.image, this, overlay);
    if (draw === 'classification') {
      if (!this.classification) throw new RangeError('the model has no classification to draw.');
      return drawClassification(this.image, this.classification, overlay);
    }
    if (!this.segmentation) throw new RangeError('the model has no segmentation to draw.');
    const { labels, names, dataset } = this.segmentation;
    const classes = { names, dataset, unlabelled: unlabelledOf(this.segmentation) };
    const segmented = drawLegend(drawSegmentation(this.image, labels, classes), segmentationLegend(labels, classes), {
      moreGlyphs: overlay.moreGlyphs,
      onMissingGlyphs: overlay.onMissingGlyphs,
    });
    if (draw === 'segmentation') return segmented;
    return sideBySide([{ raster: drawDetections(this.image, this, overlay) }, { raster: segmented }]);
  }

  private kind(): 'detections' | 'segmentation' | 'classification' {
    if (this.names.length > 0) return 'detections';
    return this.segmentation ? 'segmentation' : this.classification ? 'classification' : 'detections';
  }

  /**
   * Plain data for JSON: instances, each region class with its share and mask, the likeliest classes of the image. Timings
   * only when asked for. docs/results.md describes every field.
   */
  toJSON(options: { readonly timings?: boolean } = {}): ResultJson {
    return resultJson(this, options);
  }

  /** The instances in COCO's results format: boxes as x, y, width, height; labels as the data set's category ids. */
  toCOCO(options: { readonly imageId: number | string }): CocoResult[] {
    checkCoco(options);
    return cocoResults(this, options.imageId);
  }

  /** A file for labelme: instances as polygons, or rectangles where there are no masks; the map's classes without a detector. */
  toLabelme(options: LabelmeOptions): LabelmeFile {
    return labelmeFile(this, options);
  }

  /**
   * The instances as YOLO's text: a line each, boxes or outlines, as parts of the image.
   *
   * @throws RangeError where outlines are asked for and the model gives no masks
   */
  toYOLO(options: YoloOptions = {}): string {
    return yoloText(this, options);
  }

  /**
   * The segmentation as a PNG of labels, in the data set's colours up to 255 classes; 0 is the first class.
   *
   * @throws RangeError where the model gives none
   */
  toLabelPng(): Uint8Array {
    if (!this.segmentation) throw new RangeError('the model has no segmentation to write.');
    return labelPng(this.segmentation, this.imageSize);
  }

  /**
   * All masks as one PNG: 0 no instance, 1 the first, the better one on top.
   *
   * @throws RangeError where the model gives no masks
   */
  toInstancePng(): Uint8Array {
    return instancePng(this);
  }
}
