import type { CocoAnnotation, CocoDetection, CocoFile } from '../../src/data/coco_file.ts';

/**
 * COCO's evaluation as slow and literal as its definition: for every class, area range and image a list, for every limit
 * the whole curve. Boxes only, ids as they should be. Used to check the fast one.
 */

export interface ReferenceParameters {
  readonly iouThresholds: readonly number[];
  readonly recallThresholds: readonly number[];
  readonly maxDetections: readonly number[];
  readonly areaRanges: readonly (readonly [number, number])[];
  readonly useCategories: boolean;
}

interface Entry {
  readonly scores: readonly number[];
  readonly matched: readonly (readonly boolean[])[];
  readonly ignored: readonly (readonly boolean[])[];
  readonly counting: number;
}

export function referenceArrays(truth: CocoFile, results: readonly CocoDetection[], parameters: ReferenceParameters) {
  const { iouThresholds, recallThresholds, maxDetections, areaRanges, useCategories } = parameters;
  const ids = truth.categories.map(({ id }) => id).sort((a, b) => a - b);
  const classes = useCategories ? ids.map((id) => [id]) : [ids];
  const images = truth.images.map(({ id }) => id).sort((a, b) => a - b);
  const curves = iouThresholds.map((_, t) =>
    classes.map((chosen) =>
      areaRanges.map((range) => {
        const entries = images.map((image) => evaluateImage(truth, results, image, chosen, range, parameters));
        return maxDetections.map((max) => curveOf(entries, t, max, recallThresholds));
      }),
    ),
  );
  const inOrder = (pick: 'precision' | 'scores') =>
    iouThresholds.flatMap((_, t) =>
      recallThresholds.flatMap((_, r) => curves[t]!.flat(2).map((curve) => (curve ? curve[pick][r]! : -1))),
    );
  return {
    precision: inOrder('precision'),
    scores: inOrder('scores'),
    recall: curves.flat(3).map((curve) => (curve ? curve.recall : -1)),
  };
}

function evaluateImage(
  { annotations }: CocoFile,
  results: readonly CocoDetection[],
  image: number,
  classes: readonly number[],
  range: readonly [number, number],
  { iouThresholds, maxDetections }: ReferenceParameters,
): Entry {
  const isOutside = (area: number) => area < range[0] || area > range[1];
  const isIgnored = ({ iscrowd, area }: CocoAnnotation) => iscrowd === 1 || isOutside(area!);
  const inClasses = <T extends { image_id: number; category_id: number }>(list: readonly T[]) =>
    classes.flatMap((id) => list.filter((one) => one.image_id === image && one.category_id === id));
  const all = inClasses(annotations);
  const truths = [...all.filter((one) => !isIgnored(one)), ...all.filter(isIgnored)];
  const detections = inClasses(results)
    .sort((a, b) => b.score - a.score)
    .slice(0, Math.max(...maxDetections));
  const matched: boolean[][] = [];
  const ignored: boolean[][] = [];
  for (const threshold of iouThresholds) {
    const taken = new Set<CocoAnnotation>();
    const takes = detections.map((detection) => {
      let best = Math.min(threshold, 1 - 1e-10);
      let match: CocoAnnotation | undefined;
      for (const one of truths) {
        if (taken.has(one) && one.iscrowd !== 1) continue;
        if (match && !isIgnored(match) && isIgnored(one)) break;
        const iou = boxIou(detection.bbox!, one.bbox!, one.iscrowd === 1);
        if (iou < best) continue;
        best = iou;
        match = one;
      }
      if (match) taken.add(match);
      return match;
    });
    matched.push(takes.map((match) => match !== undefined));
    ignored.push(
      takes.map((match, d) => {
        const [, , width, height] = detections[d]!.bbox!;
        return match ? isIgnored(match) : isOutside(width * height);
      }),
    );
  }
  const counting = truths.filter((one) => !isIgnored(one)).length;
  return { scores: detections.map(({ score }) => score), matched, ignored, counting };
}

type Xywh = readonly [number, number, number, number];

function boxIou([dx, dy, dw, dh]: Xywh, [gx, gy, gw, gh]: Xywh, crowd: boolean): number {
  const width = Math.min(dx + dw, gx + gw) - Math.max(dx, gx);
  const height = Math.min(dy + dh, gy + gh) - Math.max(dy, gy);
  if (width <= 0 || height <= 0) return 0;
  const both = width * height;
  return both / (crowd ? dw * dh : dw * dh + gw * gh - both);
}

function curveOf(entries: readonly Entry[], t: number, max: number, recallThresholds: readonly number[]) {
  const counting = entries.reduce((sum, entry) => sum + entry.counting, 0);
  if (counting === 0) return undefined;
  const detections = entries
    .flatMap(({ scores, matched, ignored }) =>
      scores.map((score, d) => ({ score, matched: matched[t]![d]!, ignored: ignored[t]![d]!, d })),
    )
    .filter(({ d }) => d < max)
    .sort((a, b) => b.score - a.score);
  let [hits, misses] = [0, 0];
  const points = detections.map(({ matched, ignored }) => {
    if (!ignored && matched) hits++;
    if (!ignored && !matched) misses++;
    return { recall: hits / counting, precision: hits / (misses + hits + 2 ** -52) };
  });
  const envelope = points.map((_, i) => Math.max(...points.slice(i).map(({ precision }) => precision)));
  const places = recallThresholds.map((threshold) => points.findIndex(({ recall }) => recall >= threshold));
  const reached = places.map((place, r) => (places.slice(0, r + 1).includes(-1) ? undefined : place));
  return {
    recall: points.at(-1)?.recall ?? 0,
    precision: reached.map((place) => (place === undefined ? 0 : envelope[place]!)),
    scores: reached.map((place) => (place === undefined ? 0 : detections[place]!.score)),
  };
}
