import type { CocoFile } from '../data/coco_file.ts';
import type { CocoClassFigures, CocoEvaluation } from './coco.ts';
import type { ClassFigures, PrecisionCurve } from './evaluation.ts';
import { meanOfKnown } from './statistics.ts';

/** The figures of objects that an evaluation shows, taken from COCO's arrays. */

/** Returns the figures of each class, with how many objects and detections of it there are. */
export function classFigures(
  { perClass, parameters }: CocoEvaluation,
  truth: CocoFile,
  found: readonly { readonly category_id: number }[],
): ClassFigures[] {
  const truths = countsOf(truth.annotations.filter(({ iscrowd }) => iscrowd !== 1));
  const detections = countsOf(found);
  const bySize = ({ apByArea }: CocoClassFigures, label: string) =>
    apByArea[parameters.areaLabels.indexOf(label)] ?? -1;
  return perClass.map((one) => ({
    name: one.name,
    id: one.categoryId,
    truths: truths.get(one.categoryId) ?? 0,
    detections: detections.get(one.categoryId) ?? 0,
    ap: one.ap,
    ap50: one.ap50,
    ap75: one.ap75,
    small: bySize(one, 'small'),
    medium: bySize(one, 'medium'),
    large: bySize(one, 'large'),
    ar: one.arByMax.at(-1) ?? -1,
  }));
}

function countsOf(list: readonly { readonly category_id: number }[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { category_id: id } of list) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/** Thresholds at which classes have curves, besides the mean over all. The mean over the classes has one at every threshold. */
const classThresholds = [0.5, 0.75];

/** Returns precision over recall at the first area range and the largest number of detections: first the mean over the classes. */
export function precisionCurves({ counts, precision, parameters, perClass }: CocoEvaluation): PrecisionCurve[] {
  const [thresholds, recalls, classes, areas, limits] = counts;
  const at = (t: number, r: number, k: number) =>
    precision[((t * recalls + r) * classes + k) * areas * limits + limits - 1] ?? -1;
  const { iouThresholds } = parameters;
  const whole = { iou: undefined, places: [...Array(thresholds).keys()] };
  const rows = [...iouThresholds.map((iou, t) => ({ iou, places: [t] })), whole];
  const ofClasses = rows.filter(({ iou }) => iou === undefined || classThresholds.includes(iou));
  const curve = (places: readonly number[], ks: readonly number[]) =>
    Array.from({ length: recalls }, (_, r) => meanOfKnown(places.flatMap((t) => ks.map((k) => at(t, r, k)))));
  const all = [...Array(classes).keys()];
  return [
    ...rows.map(({ iou, places }) => ({ iou, precision: curve(places, all) })),
    ...all.flatMap((k) =>
      ofClasses.map(({ iou, places }) => ({ name: perClass[k]?.name, iou, precision: curve(places, [k]) })),
    ),
  ];
}
