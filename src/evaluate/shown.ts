import type { Size } from '../arrays.ts';
import type { CocoAnnotation, CocoDetection, CocoFile } from '../data/coco_file.ts';
import { hasMask, keypointTriples, rleOfSegmentation, shownTriples } from '../data/coco_shapes.ts';
import type { ImageSet, LabelledImage } from '../data/image_set.ts';
import { rleBoxXywh } from '../postprocess/rle.ts';
import { outcomes } from './coco_matching.ts';
import type { ImageRow, MatchCounts, ShownDetection, ShownImage, ShownTruth } from './evaluation.ts';
import type { ObjectMeasure } from './measure_objects.ts';
import type { WorstMap } from './pixels.ts';
import type { TideLabel } from './tide.ts';

/** The images that a report shows, with what was found in them. Their files are read when they are shown. */

/** An evaluated image. */
export interface Evaluated {
  /** Its position in the data set, from 0. */
  readonly place: number;
  /** Its id in the truth's annotation file. */
  readonly id: number | undefined;
  readonly row: ImageRow;
}

/** The images of the lowest F1 first; of equal ones the one with more errors, then the earlier. None without an error. */
export function worstByObjects(images: readonly Evaluated[], { rows }: ObjectMeasure, most: number): Evaluated[] {
  const errors = ({ fp, fn }: MatchCounts) => fp + fn;
  return images
    .flatMap((one) => {
      const counts = one.id === undefined ? undefined : rows.get(one.id);
      return counts && errors(counts) > 0 ? [{ one, counts }] : [];
    })
    .sort((a, b) => a.counts.f1 - b.counts.f1 || errors(b.counts) - errors(a.counts))
    .slice(0, most)
    .map(({ one }) => one);
}

/** Shows images with their objects and detections, in the order given. */
export async function showObjects(
  set: ImageSet,
  images: readonly Evaluated[],
  { type, evaluation, errors }: ObjectMeasure,
  { truth, found }: { readonly truth: CocoFile; readonly found: readonly CocoDetection[] },
): Promise<ShownImage[]> {
  const labelled = await imagesAt(set, new Set(images.map(({ place }) => place)));
  const names = new Map(truth.categories.map(({ id, name }) => [id, name]));
  return images.flatMap(({ place, id, row }) => {
    const image = labelled.get(place);
    if (!image || id === undefined) return [];
    const matched = matchedIn(evaluation, id);
    const truths = matched.truths.flatMap(({ index, status }): ShownTruth[] => {
      const one = truth.annotations[index];
      const keypoints = one?.keypoints && keypointTriples(one.keypoints);
      return one ? [{ ...shapeOf(one, keypoints, row.size), name: names.get(one.category_id) ?? '', status }] : [];
    });
    const detections = matched.detections.flatMap(({ index, status }): ShownDetection[] => {
      const one = found[index];
      if (!one) return [];
      const name = names.get(one.category_id) ?? '';
      const shape = shapeOf(one, one.keypoints && shownTriples(one.keypoints), row.size);
      return [{ ...shape, name, score: one.score, status, error: errorOf(errors?.[index]) }];
    });
    detections.sort((a, b) => b.score - a.score);
    return [{ row, by: type, truths, detections, labels: image.labels, bytes: image.bytes }];
  });
}

const errorOf = (label: TideLabel | undefined): ShownDetection['error'] =>
  label === undefined || label.label === 'hit' || label.label === 'beyond' ? undefined : label.label;

/** Shows images with their label maps. */
export function showPixels(worst: readonly WorstMap[], images: readonly Evaluated[]): ShownImage[] {
  const rows = new Map(images.map(({ row }) => [row.semseg, row]));
  return worst.flatMap(({ image, figures, predicted }): ShownImage[] => {
    const row = rows.get(figures);
    const shown = { truths: [], detections: [], labels: image.labels, bytes: image.bytes };
    if (!row) return [];
    return [
      {
        ...shown,
        row,
        by: 'semseg',
        get predicted() {
          return predicted();
        },
      },
    ];
  });
}

/** Reads the labels of a data set again, up to the last image that is wanted. */
async function imagesAt(set: ImageSet, places: ReadonlySet<number>): Promise<ReadonlyMap<number, LabelledImage>> {
  const images = new Map<number, LabelledImage>();
  if (places.size === 0) return images;
  let place = 0;
  // images whose labels cannot be read had no place in the run either
  for await (const image of set.images({ onFault: () => {} })) {
    if (places.has(place)) images.set(place, image);
    if (images.size === places.size) break;
    place++;
  }
  return images;
}

interface Matched {
  readonly truths: readonly { readonly index: number; readonly status: ShownTruth['status'] }[];
  readonly detections: readonly { readonly index: number; readonly status: ShownDetection['status'] }[];
}

const detectionStatus = {
  [outcomes.falsePositive]: 'false',
  [outcomes.truePositive]: 'hit',
  [outcomes.ignored]: 'ignored',
} as const;

/** What was matched in one image at IoU 0.5 (or the first threshold), over all sizes. */
function matchedIn({ matching, parameters }: ObjectMeasure['evaluation'], imageId: number): Matched {
  const image = parameters.imageIds.indexOf(imageId);
  const threshold = Math.max(0, parameters.iouThresholds.indexOf(0.5));
  const { groupImage, detectionStart, truthStart, detectionIndex, truthIndex, truthIgnored } = matching;
  const offset = threshold * detectionIndex.length;
  const [outcomeOf = new Uint8Array(), matchOf = new Int32Array()] = [matching.outcomes[0], matching.matches[0]];
  const truths: Matched['truths'][number][] = [];
  const detections: Matched['detections'][number][] = [];
  for (const [group, of] of groupImage.entries()) {
    if (of !== image) continue;
    const taken = new Set<number>();
    for (let i = detectionStart[group]!; i < detectionStart[group + 1]!; i++) {
      taken.add(matchOf[offset + i]!);
      const status = detectionStatus[outcomeOf[offset + i] as keyof typeof detectionStatus] ?? 'false';
      detections.push({ index: detectionIndex[i]!, status });
    }
    for (let i = truthStart[group]!; i < truthStart[group + 1]!; i++) {
      const status = truthIgnored[0]?.[i] ? 'ignored' : taken.has(i) ? 'found' : 'missed';
      truths.push({ index: truthIndex[i]!, status });
    }
  }
  return { truths, detections };
}

/** Box, mask and keypoints of an annotation or a detection. Without a box, that of the mask, or the one around the keypoints that are seen. */
function shapeOf(
  { bbox, segmentation }: CocoAnnotation | CocoDetection,
  keypoints: ShownTruth['keypoints'],
  size: Size,
): Pick<ShownTruth, 'box' | 'mask' | 'keypoints'> {
  const mask = hasMask(segmentation) ? rleOfSegmentation(segmentation, size) : undefined;
  const stated = bbox ?? (mask && rleBoxXywh(mask));
  if (!stated) return { box: around(keypoints ?? []), mask, keypoints };
  const [x, y, width, height] = stated;
  return { box: [x, y, x + width, y + height], mask, keypoints };
}

function around(keypoints: NonNullable<ShownTruth['keypoints']>): ShownTruth['box'] {
  const seen = keypoints.filter(([, , visibility]) => visibility > 0);
  const points = seen.length > 0 ? seen : keypoints;
  if (points.length === 0) return [0, 0, 0, 0];
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}
