import type { Size } from '../arrays.ts';
import type { DataError } from '../errors.ts';
import type { LabelMap } from '../image/raster.ts';
import type { Rle } from '../postprocess/rle.ts';
import type { CocoFile } from './coco_file.ts';

/** What every reader of a data set gives, whatever its files look like. */

/** The layouts that are read. `coco` also has label maps beside it in some data sets. */
export const dataFormats = [
  'coco',
  'voc',
  'labelme',
  'yolo',
  'cvat_xml',
  'ade20k',
  'cityscapes',
  'segment_folders',
  'class_folders',
] as const;
/** The name of a layout. */
export type DataFormat = (typeof dataFormats)[number];

/** What the images of a set are labelled with. */
export type LabelKind = 'objects' | 'masks' | 'keypoints' | 'labels' | 'class';

/** A data set that is open: its classes are known, its images are read one by one. */
export interface ImageSet {
  readonly format: DataFormat;
  /** The folder or file as the caller named it. */
  readonly name: string;
  readonly split: string | undefined;
  readonly kinds: readonly LabelKind[];
  /** Names of the classes of objects, or of whole images, by label. */
  readonly classes: readonly string[];
  /** The ids of these classes in the data set's own files, if it numbers them otherwise. */
  readonly categoryIds?: readonly number[] | undefined;
  /** The classes of label maps, which may be others than those of the objects. */
  readonly labelClasses?: readonly string[] | undefined;
  /** The value of label maps that says "not labelled". */
  readonly ignore?: number | undefined;
  readonly keypoints?: KeypointNames | undefined;
  /** The annotation file itself, if there is one of COCO: with its ids, its order and whatever is in it twice. */
  readonly coco?: CocoFile | undefined;
  /** How many images there are. */
  readonly count: number;
  /**
   * Sentences about what does not fit, each with file and place, few of each kind. Layouts with one label file per image
   * add to them while images are read.
   */
  readonly notices: readonly string[];
  /** Every part that the data set has by name, of which `split` is read. Absent if it has none. */
  readonly splits?: readonly string[] | undefined;
  /** Yields the images in the order of the data set. May be called again. */
  images(options?: ReadImagesOptions): AsyncIterable<LabelledImage>;
}

/** How images are read. */
export interface ReadImagesOptions {
  /** Hears of an image whose labels cannot be read, which is then left out. By default the error ends the reading. */
  onFault?(error: DataError): void;
}

/** The keypoints of a class, and which of them are joined. */
export interface KeypointNames {
  readonly names: readonly string[];
  /** The names are their numbers, because the files do not name them. */
  readonly numbered?: boolean | undefined;
  /** Pairs of indices, from 0. */
  readonly skeleton: readonly (readonly [number, number])[];
}

/** One image of a data set with its labels. Pixels and label maps are read when they are asked for. */
export interface LabelledImage {
  /** The id in the data set's own files, or the position of the image from 1. */
  readonly id: number | string;
  /** The path below the folder of the data set, with `/`. */
  readonly file: string;
  /** The file with the labels of this image alone, below the folder of the data set. */
  readonly labelFile?: string | undefined;
  /** As the labels state it, else as the file does. */
  readonly size: Size;
  readonly objects?: readonly LabelledObject[] | undefined;
  /** The label of the whole image. */
  readonly label?: number | undefined;
  /** The file, encoded. @throws DataError if it is missing */
  bytes(): Promise<Uint8Array>;
  /** Class indices of every pixel, row by row. @throws DataError if the map is missing or does not fit the image */
  labels?(): Promise<LabelMap>;
}

/** An object in an image. */
export interface LabelledObject {
  readonly id: number;
  readonly label: number;
  /** x1, y1, x2, y2 in pixels, continuous: the left edge of the first pixel is 0. */
  readonly box: readonly [x1: number, y1: number, x2: number, y2: number];
  /** In square pixels, as the data set states it, else of the mask, else of the box. */
  readonly area: number;
  /** A region of many objects, in which detections count neither as right nor as wrong. */
  readonly crowd: boolean;
  /** Flat lists x, y, x, y, …, one per part. */
  readonly polygons?: readonly (readonly number[])[] | undefined;
  readonly mask?: Rle | undefined;
  /** x, y, visibility (0 not labelled, 1 hidden, 2 visible) for each keypoint. */
  readonly keypoints?: readonly (readonly [x: number, y: number, visibility: number])[] | undefined;
  /** Marked as hard to see (VOC). */
  readonly difficult?: boolean | undefined;
  /** The number of the instance in the data set's own files. */
  readonly instance?: number | undefined;
  /** Where it stands in the file of its labels, for messages: `line 3`. */
  readonly place?: string | undefined;
}
