/** COCO's annotation file, checked. Unknown fields are gone; what may be missing is optional. */

/** The lists of COCO's annotation file. */
export interface CocoFile {
  readonly images: readonly CocoImage[];
  readonly annotations: readonly CocoAnnotation[];
  readonly categories: readonly CocoCategory[];
}

/** An image, `height` and `width` in pixels. */
export interface CocoImage {
  readonly id: number;
  readonly file_name?: string | undefined;
  readonly height?: number | undefined;
  readonly width?: number | undefined;
}

/** A class, with the names of its keypoints if it has any. */
export interface CocoCategory {
  readonly id: number;
  readonly name: string;
  readonly keypoints?: readonly string[] | undefined;
  /** Pairs of indices, from 1. */
  readonly skeleton?: readonly (readonly [number, number])[] | undefined;
}

/** Polygons as flat lists, or runs: COCO's compressed string or the counts themselves; `size` is height, width. */
export type CocoSegmentation =
  | readonly (readonly number[])[]
  | { readonly size: readonly [height: number, width: number]; readonly counts: string | readonly number[] };

/** An object. */
export interface CocoAnnotation {
  readonly id: number;
  readonly image_id: number;
  readonly category_id: number;
  /** x, y, width, height. */
  readonly bbox?: readonly [number, number, number, number] | undefined;
  readonly area?: number | undefined;
  readonly iscrowd?: 0 | 1 | undefined;
  readonly segmentation?: CocoSegmentation | undefined;
  /** x, y, visibility, … */
  readonly keypoints?: readonly number[] | undefined;
  readonly num_keypoints?: number | undefined;
}

/** One entry of a results file. */
export interface CocoDetection {
  readonly image_id: number;
  readonly category_id: number;
  readonly score: number;
  readonly bbox?: readonly [number, number, number, number] | undefined;
  readonly segmentation?: CocoSegmentation | undefined;
  readonly keypoints?: readonly number[] | undefined;
}

/** Results as `parseCocoResults` reads them, with the name of their file. */
export interface NamedResults {
  /** How messages name them. */
  readonly name: string;
  readonly entries: readonly CocoDetection[];
}
