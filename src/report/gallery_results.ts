import { groupedBy } from '../arrays.ts';
import type { CocoDetection } from '../data/coco_file.ts';
import { rleOfSegmentation, shownTriples } from '../data/coco_shapes.ts';
import type { ImageSet } from '../data/image_set.ts';
import { boxOfPoints } from '../data/objects.ts';
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
  const labelOf = new Map(classes.map((_, label) => [categoryIds?.[label] ?? label + 1, label]));
  const shown = results.filter(({ score, category_id: id }) => score >= least && labelOf.has(id));
  const images = groupedBy(shown, ({ image_id: id }) => id);
  const drawn = (ofImage: readonly CocoDetection[]) =>
    ofImage
      .toSorted((a, b) => b.score - a.score)
      .slice(0, mostResults)
      .map((result) => drawnResult(result, labelOf.get(result.category_id) ?? 0, classes));
  return new Map([...images].map(([id, ofImage]) => [id, drawn(ofImage)]));
}

/** Says that results are of images that the data set does not have, which nothing draws. */
export function unknownImages({ coco, categoryIds, count }: ImageSet, results: readonly CocoDetection[]): string[] {
  if (categoryIds && !coco) return []; // ids of their own, which nobody lists
  const ids = coco && new Set(coco.images.map(({ id }) => id));
  const isKnown = (id: number) => (ids ? ids.has(id) : id >= 1 && id <= count);
  const unknown = results.filter(({ image_id: id }) => !isKnown(id));
  if (unknown.length === 0) return [];
  const different = [...new Set(unknown.map(({ image_id: id }) => id))];
  const some = different.slice(0, 5).join(', ') + (different.length > 5 ? ', …' : '');
  return [
    `${unknown.length} of ${results.length} results are of images that the data set does not have (ids ${some}), and are not drawn. Are they of this data set and split?`,
  ];
}

function drawnResult(result: CocoDetection, label: number, classes: readonly string[]): DrawnObject {
  const { bbox, segmentation, keypoints, score } = result;
  const points = keypoints && shownTriples(keypoints);
  const runs = segmentation !== undefined && 'counts' in segmentation ? segmentation : undefined;
  const [x, y, width, height] = bbox ?? [0, 0, 0, 0];
  return {
    label,
    name: classes[label] ?? `class ${label}`,
    score,
    box: bbox || !points ? [x, y, x + width, y + height] : boxOfPoints(seenOf(points)),
    area: width * height,
    polygons: segmentation && !('counts' in segmentation) ? segmentation : undefined,
    mask: runs && rleOfSegmentation(runs, { height: runs.size[0], width: runs.size[1] }),
    keypoints: points,
    marks: ['result'],
  };
}

/** Leaves out guesses, unless there is nothing else. */
function seenOf(points: NonNullable<DrawnObject['keypoints']>): NonNullable<DrawnObject['keypoints']> {
  const seen = points.filter(([, , visibility]) => visibility > 0);
  return seen.length > 0 ? seen : points;
}
