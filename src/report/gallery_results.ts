import type { CocoDetection } from '../data/coco_file.ts';
import type { ImageSet } from '../data/image_set.ts';
import { rleFromString, rleOf } from '../postprocess/rle.ts';
import type { DrawnObject } from './gallery_objects.ts';

/** Results of COCO's format as objects over the images of a data set. */

/** The most results of one image, those of the highest scores. */
const mostResults = 100;

/** Returns the results of each image. Those of classes that the data set does not have are left out. */
export function detectionsByImage(
  { classes, categoryIds }: Pick<ImageSet, 'classes' | 'categoryIds'>,
  results: readonly CocoDetection[],
  least: number,
): ReadonlyMap<number | string, readonly DrawnObject[]> {
  const labelOf = new Map(categoryIds?.map((id, label) => [id, label]) ?? classes.map((_, label) => [label, label]));
  const images = new Map<number | string, CocoDetection[]>();
  for (const result of results) {
    if (!(result.score >= least) || !labelOf.has(result.category_id)) continue;
    const ofImage = images.get(result.image_id);
    if (ofImage) ofImage.push(result);
    else images.set(result.image_id, [result]);
  }
  const drawn = (ofImage: readonly CocoDetection[]) =>
    ofImage
      .toSorted((a, b) => b.score - a.score)
      .slice(0, mostResults)
      .map((result) => drawnResult(result, labelOf.get(result.category_id) ?? 0, classes));
  return new Map([...images].map(([id, ofImage]) => [id, drawn(ofImage)]));
}

function drawnResult(result: CocoDetection, label: number, classes: readonly string[]): DrawnObject {
  const { bbox, segmentation, keypoints, score } = result;
  const points = keypoints && triplesOf(keypoints);
  const isRuns = segmentation !== undefined && 'counts' in segmentation;
  const mask = isRuns ? maskOf(segmentation) : undefined;
  const [x, y, width, height] = bbox ?? [0, 0, 0, 0];
  return {
    label,
    name: classes[label] ?? `class ${label}`,
    score,
    box: bbox ? [x, y, x + width, y + height] : boxOfPoints(points ?? []),
    area: width * height,
    polygons: segmentation && !isRuns ? segmentation : undefined,
    mask,
    keypoints: points,
    marks: ['result'],
  };
}

function maskOf({
  size: [height, width],
  counts,
}: {
  readonly size: readonly [number, number];
  readonly counts: string | readonly number[];
}) {
  const size = { height, width };
  return typeof counts === 'string' ? rleFromString(counts, size) : rleOf(counts, size);
}

type Points = NonNullable<DrawnObject['keypoints']>;

const triplesOf = (flat: readonly number[]): Points =>
  Array.from({ length: Math.floor(flat.length / 3) }, (_, i) => [
    flat[3 * i] ?? 0,
    flat[3 * i + 1] ?? 0,
    flat[3 * i + 2] ?? 0,
  ]);

/** The box around all points: results of keypoints need not have one. */
function boxOfPoints(points: Points): DrawnObject['box'] {
  if (points.length === 0) return [0, 0, 0, 0];
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
