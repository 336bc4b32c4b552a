import { DataError } from '../errors.ts';
import { foundIn, isObject } from '../values.ts';
import {
  boxOf,
  fileNameOf,
  idOf,
  keypointsOf,
  numberOf,
  objectOf,
  type Place,
  refuse,
  segmentationOf,
  sizeOf,
} from './coco_fields.ts';
import type { CocoAnnotation, CocoCategory, CocoDetection, CocoFile, CocoImage } from './coco_file.ts';
import { type JsonSource, readJsonValue } from './json_value.ts';

/** Reads COCO's files: labels and results. What is checked in this file is relied on everywhere else. */

export interface CocoReading {
  readonly file: CocoFile;
  /** Sentences about what was let pass. */
  readonly notices: readonly string[];
}

/** How strictly a file is read. */
export interface CocoReadOptions {
  /**
   * Says how faults are met that do not stop an evaluation: ids given twice, annotations of images or classes that are not
   * listed, an id of 0, boxes of negative extent, images without a name or with an extent of 0, and masks of another size
   * than their image. An error by default; with `report` a notice for each kind of fault, and the entry stays (an extent
   * of 0 and a mask of another size do not).
   */
  readonly faults?: 'refuse' | 'report' | undefined;
}

/**
 * Reads COCO's annotation file. Fields that this package does not use are left out; `segmentation`, `bbox` and `keypoints` of `[]`
 * are as if they were missing; `iscrowd` may be true or false. Without `annotations` (COCO's lists of test images) there
 * are none.
 *
 * @param source the file's bytes, its text, or the value that JSON.parse gives
 * @param name names the file in messages
 * @throws DataError with the file, the entry with its id, and the field
 */
export function parseCocoFile(source: JsonSource, name: string, options: CocoReadOptions = {}): CocoReading {
  const root = readJsonValue(source, name);
  if (Array.isArray(root)) {
    throw new DataError(`${name}: is a list, and so a file of results. A file of labels has images and categories.`);
  }
  if (!isObject(root)) throw new DataError(`${name}: must be an object with images, annotations and categories.`);
  const faults = new Faults(name, options.faults ?? 'refuse');
  const categories = categoriesOf(listOf(root, 'categories', name), faults);
  const images = imagesOf(listOf(root, 'images', name), faults);
  const absent = root.annotations === undefined;
  if (absent) faults.notices.push(`${name}: there are no annotations: a list of images alone.`);
  const annotations = absent ? [] : annotationsOf(listOf(root, 'annotations', name), images, categories, faults);
  return { file: { images, annotations, categories }, notices: faults.report() };
}

/**
 * Reads COCO's results: a list of entries with `image_id`, `category_id`, `score` and a box, a mask or keypoints.
 *
 * @param source the file's bytes, its text, or the value that JSON.parse gives
 * @param name names the file in messages
 * @throws DataError with the file, the position of the entry from 0, and the field
 */
export function parseCocoResults(source: JsonSource, name: string): readonly CocoDetection[] {
  const root = readJsonValue(source, name);
  if (!Array.isArray(root)) {
    const found = isObject(root) ? 'an object' : foundIn(root);
    const labels = isObject(root) && Object.hasOwn(root, 'images') && Object.hasOwn(root, 'annotations');
    throw new DataError(
      labels
        ? `${name}: is a file of labels, not of results. Results are a list of objects with image_id, category_id, bbox or segmentation, and score.`
        : `${name}: must be a list of results, got ${found}. A results file is an array of objects.`,
    );
  }
  return root.map((value: unknown, i): CocoDetection => {
    const place = () => `${name}: entry ${i}`;
    const entry = objectOf(value, place);
    if (typeof entry.image_id === 'string') {
      throw new DataError(
        `${place()}: image_id is the text ${JSON.stringify(entry.image_id)}. Write the number that the annotation file has as the image's id; of a layout without ids, images count from 1.`,
      );
    }
    const detection = {
      image_id: idOf(entry.image_id, 'image_id', place),
      category_id: idOf(entry.category_id, 'category_id', place),
      score: numberOf(entry.score, 'score', place),
      bbox: boxOf(entry.bbox, place),
      segmentation: segmentationOf(entry.segmentation, place),
      keypoints: keypointsOf(entry.keypoints, place),
    };
    if (!detection.bbox && !detection.segmentation && !detection.keypoints) {
      throw new DataError(`${place()} has neither bbox nor segmentation nor keypoints.`);
    }
    return detection;
  });
}

/** Faults that may be let pass. Of each kind the first few entries are named. */
class Faults {
  readonly notices: string[] = [];
  private readonly found = new Map<string, { readonly places: string[]; count: number }>();

  constructor(
    readonly name: string,
    private readonly how: 'refuse' | 'report',
  ) {}

  /** @param kind of fault, a sentence without its full stop */
  add(kind: string, place: Place, detail = ''): void {
    if (this.how === 'refuse') throw new DataError(`${place()}: ${kind}${detail && `: ${detail}`}.`);
    const group = this.found.get(kind) ?? { places: [], count: 0 };
    this.found.set(kind, group);
    group.count++;
    if (group.places.length < 5) group.places.push(place().slice(this.name.length + 2) + (detail && ` ${detail}`));
  }

  report(): readonly string[] {
    for (const [kind, { places, count }] of this.found) {
      const more = count > places.length ? ` and ${count - places.length} more` : '';
      this.notices.push(`${this.name}: ${kind}: ${places.join(', ')}${more}.`);
    }
    return this.notices;
  }
}

function listOf(root: Readonly<Record<PropertyKey, unknown>>, field: string, name: string): readonly unknown[] {
  const list = Object.hasOwn(root, field) ? root[field] : undefined;
  if (Array.isArray(list)) return list;
  const what = list === undefined ? 'is missing' : `must be a list, got ${foundIn(list)}`;
  throw new DataError(`${name}: ${field} ${what}. A file of labels has images, annotations and categories.`);
}

function categoriesOf(values: readonly unknown[], faults: Faults): CocoCategory[] {
  const ids = new Set<number>();
  return values.map((value, i) => {
    const where = `${faults.name}: categories[${i}]`;
    const entry = objectOf(value, () => where);
    const id = idOf(entry.id, 'id', () => where);
    const place = () => `${where} (id ${id})`;
    if (ids.has(id)) faults.add('an id is given twice', place);
    ids.add(id);
    const { name } = entry;
    if (typeof name !== 'string') return refuse(place, 'name', 'must be a text', name);
    const keypoints = namesOf(entry.keypoints, place);
    return { id, name, keypoints, skeleton: keypoints && skeletonOf(entry.skeleton, keypoints.length, place) };
  });
}

function namesOf(value: unknown, place: Place): readonly string[] | undefined {
  if (value === undefined || (Array.isArray(value) && value.length === 0)) return undefined;
  if (Array.isArray(value) && value.every((name) => typeof name === 'string')) return value;
  return refuse(place, 'keypoints', 'must be a list of names', value);
}

function skeletonOf(value: unknown, count: number, place: Place): readonly (readonly [number, number])[] | undefined {
  if (value === undefined) return undefined;
  const isIndex = (index: unknown) => Number.isInteger(index) && (index as number) >= 1 && (index as number) <= count;
  const isPair = (pair: unknown): pair is readonly [number, number] =>
    Array.isArray(pair) && pair.length === 2 && pair.every(isIndex);
  if (Array.isArray(value) && value.every(isPair)) return value;
  return refuse(place, 'skeleton', `must be a list of pairs of keypoints, from 1 to ${count}`, value);
}

function imagesOf(values: readonly unknown[], faults: Faults): CocoImage[] {
  const ids = new Set<number>();
  return values.map((value, i) => {
    const where = () => `${faults.name}: images[${i}]`;
    const entry = objectOf(value, where);
    const id = idOf(entry.id, 'id', where);
    const place = () => `${where()} (id ${id})`;
    if (ids.has(id)) faults.add('an id is given twice', place);
    ids.add(id);
    const unnamed = entry.file_name === undefined;
    if (unnamed) faults.add('file_name is missing', place);
    const file_name = unnamed ? undefined : fileNameOf(entry.file_name, place);
    let { height, width } = entry;
    if (height === 0 || width === 0) {
      faults.add('an image has no pixels', place, `${height}×${width}`);
      [height, width] = [undefined, undefined];
    }
    const size = sizeOf(height, width, place);
    return { id, file_name, height: size?.[0], width: size?.[1] };
  });
}

function annotationsOf(
  values: readonly unknown[],
  images: readonly CocoImage[],
  categories: readonly CocoCategory[],
  faults: Faults,
): CocoAnnotation[] {
  const imagesById = new Map(images.map((image) => [image.id, image]));
  const categoryIds = new Set(categories.map(({ id }) => id));
  const ids = new Set<number>();
  return values.map((value, i) => {
    const where = () => `${faults.name}: annotations[${i}]`;
    const entry = objectOf(value, where);
    const id = idOf(entry.id, 'id', where);
    const place = () => `${where()} (id ${id})`;
    if (ids.has(id)) faults.add('an id is given twice', place);
    ids.add(id);
    if (id === 0) faults.add('pycocotools reads an id of 0 as "not matched". Count ids from 1', place);
    const image_id = idOf(entry.image_id, 'image_id', place);
    const image = imagesById.get(image_id);
    if (!image) faults.add('image_id is of no image in the file', place, `${image_id}`);
    const category_id = idOf(entry.category_id, 'category_id', place);
    if (!categoryIds.has(category_id)) faults.add('category_id is of no category in the file', place, `${category_id}`);
    const bbox = boxOf(entry.bbox, place);
    if (bbox && (bbox[2] < 0 || bbox[3] < 0)) faults.add('bbox has a negative width or height', place, `[${bbox}]`);
    let segmentation = segmentationOf(entry.segmentation, place);
    if (image?.height !== undefined && segmentation && 'size' in segmentation) {
      const [height, width] = segmentation.size;
      if (height !== image.height || width !== image.width) {
        const detail = `${height}×${width} in an image of ${image.height}×${image.width}`;
        faults.add('segmentation.size is not height, width of the image', place, detail);
        segmentation = undefined;
      }
    }
    return {
      id,
      image_id,
      category_id,
      bbox,
      area: entry.area === undefined ? undefined : numberOf(entry.area, 'area', place),
      iscrowd: crowdOf(entry.iscrowd, place),
      segmentation,
      keypoints: keypointsOf(entry.keypoints, place),
      num_keypoints: entry.num_keypoints === undefined ? undefined : idOf(entry.num_keypoints, 'num_keypoints', place),
    };
  });
}

function crowdOf(value: unknown, place: Place): 0 | 1 | undefined {
  if (value === 0 || value === false) return 0;
  if (value === 1 || value === true) return 1;
  return value === undefined ? undefined : refuse(place, 'iscrowd', 'must be 0 or 1', value);
}
