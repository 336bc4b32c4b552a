import type { CocoDetection, NamedResults } from '../data/coco_file.ts';
import { cocoCollector } from '../data/coco_of.ts';
import type { ImageSet } from '../data/image_set.ts';
import { DataError, listed } from '../errors.ts';
import { checkCall, checkResults } from './checked.ts';
import { type CocoType, cocoTypeNames } from './coco_parameters.ts';
import { completed, type FoundObjects } from './complete.ts';
import type { Evaluation, NotMeasured } from './evaluation.ts';
import { keypointsOfSet, type Sigmas } from './keypoint_sets.ts';
import { type EvaluateOptions, usualShown } from './run.ts';
import type { Evaluated } from './shown.ts';

/** Evaluates a file of results in COCO's format on a data set. */

/** The objects of a data set, and those results that are about its images. */
export interface ResultsOnSet extends FoundObjects {
  readonly images: readonly Evaluated[];
  readonly notMeasured: readonly NotMeasured[];
  readonly notices: readonly string[];
}

/** Options of `evaluateResults`. */
export interface EvaluateResultsOptions extends EvaluateOptions {
  /**
   * What OKS divides the distances of keypoints by: one for all, or one for each keypoint. By default COCO's, if there are 17 keypoints.
   */
  readonly sigmas?: Sigmas | undefined;
}

/**
 * Measures results against the objects of a data set: boxes, masks and keypoints, whatever both have. No image is decoded.
 * Ids of images and classes are those of the annotation file; a data set without one counts both from 1. Images without a
 * result count: their objects are missed.
 *
 * @throws DataError naming results of an image that the data set lacks, or if both have nothing that can be compared
 */
export async function evaluateResults(
  results: NamedResults,
  set: ImageSet,
  options: EvaluateResultsOptions = {},
): Promise<Evaluation> {
  checkResults('evaluateResults', results);
  checkCall('evaluateResults', set, options);
  const { limit, shown = usualShown } = options;
  const { images, notMeasured, notices, ...objects } = await resultsOn(results, set, options);
  return completed({
    set,
    limit,
    images,
    failures: [],
    most: shown,
    results: { name: results.name, entries: results.entries.length },
    objects,
    shown: [],
    notMeasured,
    notices,
  });
}

/** Reads the objects of a data set and takes the results of its images. @throws as `evaluateResults` */
export async function resultsOn(
  { name, entries }: NamedResults,
  set: ImageSet,
  { limit, signal, onProgress, sigmas }: EvaluateResultsOptions = {},
): Promise<ResultsOnSet> {
  const total = Math.min(limit ?? set.count, set.count);
  const collector = cocoCollector(set);
  const images: Evaluated[] = [];
  const beyond = new Set<number>();
  let place = 0;
  // ids are those of the collector, which numbers some layouts: a second one numbers what is beyond the limit
  const all = limit === undefined ? undefined : cocoCollector(set);
  for await (const image of set.images()) {
    signal?.throwIfAborted();
    if (place < total) {
      const id = collector.add(image);
      images.push({ place, id, row: { id: image.id, file: image.file, size: image.size } });
      onProgress?.({ done: place + 1, total, text: image.file });
    }
    if (all) {
      const id = all.add(image);
      if (place >= total) beyond.add(id);
    }
    place++;
  }
  const known = new Set(images.map(({ id }) => id));
  const found = entries.filter(({ image_id: id }) => !beyond.has(id) || known.has(id));
  refuseUnknown(name, set, found, known);
  const { types, notMeasured } = typesIn(name, entries, set);
  const notices = [...withoutResults(name, images, found), ...strangeBoxes(name, images, found)];
  const keypoints = { ...keypointsOfSet(set), sigmas };
  return { truth: collector.file(), found, types, keypoints, results: name, images, notMeasured, notices };
}

function refuseUnknown(
  name: string,
  set: ImageSet,
  found: readonly CocoDetection[],
  known: ReadonlySet<number | undefined>,
): void {
  const unknown = [...new Set(found.map(({ image_id: id }) => id).filter((id) => !known.has(id)))];
  if (unknown.length === 0) return;
  throw new DataError(
    `${name}: has results of images that ${set.name} does not have: ids ${listed(unknown, 5)}. Evaluate the data set that the results were made for, or remove them.`,
  );
}

/** Finds what both sides have: boxes, masks, keypoints. */
function typesIn(name: string, entries: readonly CocoDetection[], set: ImageSet) {
  const notMeasured: NotMeasured[] = [];
  const has: Readonly<Record<CocoType, readonly [results: boolean, labels: boolean]>> = {
    bbox: [
      entries.some(({ bbox }) => bbox !== undefined),
      set.kinds.some((kind) => kind === 'objects' || kind === 'masks'),
    ],
    segm: [entries.some(({ segmentation }) => segmentation !== undefined), set.kinds.includes('masks')],
    keypoints: [entries.some(({ keypoints }) => keypoints !== undefined), set.kinds.includes('keypoints')],
  };
  const types = (Object.keys(has) as CocoType[]).filter((type) => {
    const [results, labels] = has[type];
    // a file without an entry says that nothing was found: boxes are compared
    if (labels && (results || (entries.length === 0 && type === 'bbox'))) return true;
    if (results) notMeasured.push({ what: type, why: `${set.name} has no ${cocoTypeNames[type]}.` });
    else if (labels) notMeasured.push({ what: type, why: `${name} has no ${cocoTypeNames[type]}.` });
    return false;
  });
  if (set.kinds.includes('labels')) notMeasured.push({ what: 'semseg', why: `${name} has no label maps.` });
  if (types.length > 0) return { types, notMeasured };
  throw new DataError(
    `${name} and ${set.name} have nothing that can be compared. ${notMeasured.map(({ why }) => why).join(' ')}`,
  );
}

/** Boxes below this extent in pixels are shares of the image; some tools write a little over 1. */
const mostOfShare = 1.5;

/** How far a box may leave its image, as a share of it, and how many of the boxes may before it is said. */
const [slack, mostOutside] = [0.05, 0.2];

/** Says that boxes look like shares of the image, or like corners: both are evaluated without an error, and find nothing. */
function strangeBoxes(name: string, images: readonly Evaluated[], found: readonly CocoDetection[]): string[] {
  const sizes = new Map(images.map(({ id, row }) => [id, row.size]));
  const form = "COCO's boxes are x, y, width and height in pixels of the image file.";
  let [boxes, outside, share] = [0, 0, true];
  for (const { bbox, image_id: id } of found) {
    const size = sizes.get(id);
    if (!bbox || !size) continue;
    const [x, y, width, height] = bbox;
    boxes++;
    if (x + width > mostOfShare || y + height > mostOfShare) share = false;
    if (x + width > (1 + slack) * size.width || y + height > (1 + slack) * size.height) outside++;
  }
  if (boxes === 0) return [];
  if (share) return [`${name}: every box lies within the first pixel: are they shares of the image? ${form}`];
  if (outside <= mostOutside * boxes) return [];
  return [
    `${name}: ${outside} of ${boxes} boxes leave their image: are they corners, or of images of another size? ${form}`,
  ];
}

function withoutResults(name: string, images: readonly Evaluated[], found: readonly CocoDetection[]): string[] {
  const having = new Set(found.map(({ image_id: id }) => id));
  const without = images.filter(({ id }) => id !== undefined && !having.has(id));
  if (without.length === 0) return [];
  const files = listed(
    without.map(({ row }) => row.file),
    3,
  );
  return [
    `${name}: ${without.length} of ${images.length} images have no result (${files}). Their objects count as not found.`,
  ];
}
