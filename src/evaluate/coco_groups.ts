import type { CocoAnnotation, CocoDetection, CocoFile } from '../data/coco_file.ts';
import { DataError, listed } from '../errors.ts';
import type { CocoParameters } from './coco_parameters.ts';

/**
 * Sorts objects and detections into groups of one image and class (without classes: of one image), ordered by class, then
 * by image. pycocotools keeps a list for each pair; this package has flat arrays, group by group.
 */
export interface CocoGroups {
  /** The groups of class k are `classStart[k]` up to `classStart[k + 1]`. */
  readonly classStart: Int32Array; // (classes + 1)
  /** Position of each group's image in `parameters.imageIds`. */
  readonly groupImage: Int32Array; // (groups)
  readonly detectionStart: Int32Array; // (groups + 1)
  readonly truthStart: Int32Array; // (groups + 1)
  /** Position of each detection in the list of results. In a group by falling score, at most as many as count. */
  readonly detectionIndex: Int32Array; // (detections)
  /** Position of each object in the list of annotations. */
  readonly truthIndex: Int32Array; // (truths)
}

/**
 * Sorts objects and detections into groups.
 *
 * @param notices gets a sentence for each thing that is surprising
 * @throws DataError for a detection of an unknown image
 */
export function groupObjects(
  truth: CocoFile,
  detections: readonly CocoDetection[],
  parameters: CocoParameters,
  names: { readonly truth: string; readonly results: string },
  notices: string[],
): CocoGroups {
  const { imageIds, categoryIds, useCategories, maxDetections } = parameters;
  const keys: Keys = {
    images: new Map(imageIds.map((id, i) => [id, i])),
    positions: positionsOf(categoryIds),
    imageCount: imageIds.length,
    classCount: categoryIds.length,
    byClass: useCategories,
  };
  const truths = arrange(truthEntries(truth, keys, names.truth, notices), keys);
  const entries = detectionEntries(truth, detections, keys, names, notices);
  const results = arrange(entries, keys, (item) => detections[item]!.score);
  return merge(truths, results, useCategories ? categoryIds.length : 1, keys, maxDetections.at(-1) ?? 0);
}

interface Keys {
  readonly images: ReadonlyMap<number, number>;
  /** Without classes, a category that is listed twice has two positions, and its objects count twice. */
  readonly positions: ReadonlyMap<number, readonly number[]>;
  readonly imageCount: number;
  readonly classCount: number;
  readonly byClass: boolean;
}

function positionsOf(ids: readonly number[]): ReadonlyMap<number, readonly number[]> {
  const positions = new Map<number, number[]>();
  for (const [i, id] of ids.entries()) {
    const known = positions.get(id);
    if (known) known.push(i);
    else positions.set(id, [i]);
  }
  return positions;
}

/** Items with the positions of their image and class. */
interface Entries {
  readonly item: number[];
  readonly image: number[];
  readonly position: number[];
}

function addTo({ item, image, position }: Entries, index: number, imageAt: number, positions: readonly number[]): void {
  for (const at of positions) {
    item.push(index);
    image.push(imageAt);
    position.push(at);
  }
}

/**
 * Lists the objects as pycocotools finds them: it goes through annotations image by image, but looks each up by its id. Of
 * two with one id, the later one comes twice, in its own image and class.
 */
function truthEntries({ annotations, images }: CocoFile, keys: Keys, name: string, notices: string[]): Entries {
  const entries: Entries = { item: [], image: [], position: [] };
  const lastOf = new Map<number, number>();
  for (const [i, { id }] of annotations.entries()) lastOf.set(id, i);
  const repeated = annotations.length - lastOf.size;
  const take = (i: number) => {
    const own = annotations[i]!;
    if (!keys.images.has(own.image_id) || (keys.byClass && !keys.positions.has(own.category_id))) return;
    const last = repeated > 0 ? lastOf.get(own.id)! : i;
    const { image_id, category_id } = annotations[last]!;
    const imageAt = keys.images.get(image_id);
    if (imageAt !== undefined) addTo(entries, last, imageAt, keys.positions.get(category_id) ?? []);
  };
  if (repeated === 0) for (let i = 0; i < annotations.length; i++) take(i);
  else for (const i of byImage(annotations, keys)) take(i);
  noticeIds(annotations, images, { repeated, name }, notices);
  return entries;
}

function byImage(annotations: readonly CocoAnnotation[], { images, imageCount }: Keys): Int32Array {
  const image = Int32Array.from(annotations, ({ image_id }) => images.get(image_id) ?? imageCount);
  return sortBy(Int32Array.from(annotations.keys()), image, imageCount + 1);
}

function noticeIds(
  annotations: readonly CocoAnnotation[],
  images: CocoFile['images'],
  { repeated, name }: { repeated: number; name: string },
  notices: string[],
): void {
  if (repeated > 0) {
    const how = 'As in pycocotools, the last of each id is evaluated once for every entry with it, the others never';
    notices.push(`${name}: ${repeated} annotations have an id that another one has, too. ${how}.`);
  }
  if (annotations.some(({ id }) => id === 0)) {
    const how = 'As in pycocotools, a detection that takes it counts as a false positive. Count ids from 1';
    notices.push(`${name}: an annotation has the id 0. ${how}.`);
  }
  const known = new Set(images.map(({ id }) => id));
  const orphans = annotations.reduce((count, { image_id }) => count + (known.has(image_id) ? 0 : 1), 0);
  if (orphans > 0) notices.push(`${name}: ${orphans} annotations of images that are not listed are left out.`);
}

function detectionEntries(
  { images, categories }: CocoFile,
  detections: readonly CocoDetection[],
  keys: Keys,
  names: { readonly truth: string; readonly results: string },
  notices: string[],
): Entries {
  const entries: Entries = { item: [], image: [], position: [] };
  const known = new Set(images.map(({ id }) => id));
  const categoryIds = new Set(categories.map(({ id }) => id));
  const strangers = new Set<number>();
  for (let i = 0; i < detections.length; i++) {
    const { image_id, category_id, score } = detections[i]!;
    if (!known.has(image_id)) {
      const what = `image_id ${image_id} is of no image in ${names.truth}`;
      throw new DataError(`${names.results}: entry ${i}: ${what}. Are these results of another data set?`);
    }
    if (!Number.isFinite(score))
      throw new DataError(`${names.results}: entry ${i}: score must be a finite number, got ${score}.`);
    if (!categoryIds.has(category_id)) strangers.add(category_id);
    const imageAt = keys.images.get(image_id);
    if (imageAt !== undefined) addTo(entries, i, imageAt, keys.positions.get(category_id) ?? []);
  }
  if (strangers.size > 0) {
    const ids = listed([...strangers], 8);
    notices.push(`${names.results}: results of categories that ${names.truth} does not have are left out: ${ids}.`);
  }
  return entries;
}

/** Items in groups: by class, then by image. */
interface Arranged {
  readonly item: Int32Array;
  readonly image: Int32Array;
  /** 0 without classes. */
  readonly class: Int32Array;
}

/** Sorts entries into groups; within one by falling score if there are any, then by class and position. */
function arrange(entries: Entries, keys: Keys, scoreOf?: (item: number) => number): Arranged {
  const item = Int32Array.from(entries.item);
  const image = Int32Array.from(entries.image);
  const position = Int32Array.from(entries.position);
  let order = Int32Array.from(item.keys());
  if (!keys.byClass) order = sortBy(order, position, keys.classCount);
  if (scoreOf) order = byFallingScore(order, Float64Array.from(item, scoreOf));
  order = sortBy(order, image, keys.imageCount);
  if (keys.byClass) order = sortBy(order, position, keys.classCount);
  return {
    item: order.map((at) => item[at]!),
    image: order.map((at) => image[at]!),
    class: keys.byClass ? order.map((at) => position[at]!) : new Int32Array(order.length),
  };
}

/** Sorts by whole numbers below `count`, stable. */
function sortBy(order: Int32Array<ArrayBuffer>, key: Int32Array, count: number): Int32Array<ArrayBuffer> {
  const next = new Int32Array(count + 1);
  for (const at of order) next[key[at]! + 1]!++;
  for (let i = 0; i < count; i++) next[i + 1]! += next[i]!;
  const sorted = new Int32Array(order.length);
  for (const at of order) sorted[next[key[at]!]!++] = at;
  return sorted;
}

/** Returns positions by falling score. Equal scores keep their order. */
export function byFallingScore(order: Int32Array<ArrayBuffer>, scores: Float64Array): Int32Array<ArrayBuffer> {
  return order.slice().sort((a, b) => scores[b]! - scores[a]!);
}

/** Joins the groups of both sides, and cuts each group's detections to those that count. */
function merge(truths: Arranged, results: Arranged, classCount: number, keys: Keys, most: number): CocoGroups {
  const classStart = new Int32Array(classCount + 1);
  const groupImage: number[] = [];
  const detectionIndex: number[] = [];
  const detectionStart = [0];
  const truthStart = [0];
  const keyOf = (side: Arranged, at: number) =>
    at < side.item.length ? side.class[at]! * keys.imageCount + side.image[at]! : Number.POSITIVE_INFINITY;
  let [truth, result] = [0, 0];
  while (truth < truths.item.length || result < results.item.length) {
    const key = Math.min(keyOf(truths, truth), keyOf(results, result));
    while (keyOf(truths, truth) === key) truth++;
    for (let taken = 0; keyOf(results, result) === key; result++) {
      if (taken++ < most) detectionIndex.push(results.item[result]!);
    }
    groupImage.push(key % keys.imageCount);
    detectionStart.push(detectionIndex.length);
    truthStart.push(truth);
    classStart[Math.floor(key / keys.imageCount) + 1]!++;
  }
  for (let k = 0; k < classCount; k++) classStart[k + 1]! += classStart[k]!;
  return {
    classStart,
    groupImage: Int32Array.from(groupImage),
    detectionStart: Int32Array.from(detectionStart),
    truthStart: Int32Array.from(truthStart),
    detectionIndex: Int32Array.from(detectionIndex),
    truthIndex: truths.item,
  };
}
