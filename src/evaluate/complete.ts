import type { CocoDetection, CocoFile } from '../data/coco_file.ts';
import type { ImageSet } from '../data/image_set.ts';
import { DataError } from '../errors.ts';
import type { CocoType } from './coco_parameters.ts';
import type { DataFacts, Evaluation, ImageRow, ShownImage } from './evaluation.ts';
import { type MeasuredKeypoints, measureObjects, type ObjectMeasures } from './measure_objects.ts';
import { type Evaluated, showObjects, worstByObjects } from './shown.ts';

/** The last step of an evaluation, the same for a model and for a file of results: figures of objects, rows, images to show. */

/** The objects of the images that were evaluated, and what was found in them. */
export interface FoundObjects {
  readonly truth: CocoFile;
  readonly found: readonly CocoDetection[];
  readonly types: readonly CocoType[];
  /** Names and sigmas of the keypoints. Absent if keypoints are not among the types. */
  readonly keypoints?: MeasuredKeypoints | undefined;
  /** How messages name the file of results. */
  readonly results?: string | undefined;
}

/** What an evaluation has before objects are measured. */
export interface Gathered extends Omit<Evaluation, 'bbox' | 'data' | 'images' | 'keypoints' | 'segm' | 'shown'> {
  readonly set: ImageSet;
  readonly limit: number | undefined;
  readonly images: readonly Evaluated[];
  readonly objects: FoundObjects | undefined;
  /** Images that are chosen by their label maps. */
  readonly shown: readonly ShownImage[];
  /** How many are shown because of their objects. */
  readonly most: number;
}

/** Measures the objects and joins all to an evaluation. @throws DataError if there were objects to measure, and nothing of them nor anything else could be */
export async function completed(gathered: Gathered): Promise<Evaluation> {
  const { set, limit, images, objects, shown, most, ...evaluation } = gathered;
  const measured = objects && measureObjects(objects, { truth: set.name, results: objects.results });
  const { measures = [], notMeasured = [], notices = [] } = measured ?? {};
  if (objects && measures.length === 0 && !evaluation.semseg && !evaluation.classification) {
    throw new DataError(`${set.name}: no object can be measured. ${notMeasured.map(({ why }) => why).join(' ')}`);
  }
  const figuresOf = (type: CocoType) => measures.find((one) => one.type === type)?.figures;
  const rowed = images.map((one) => ({ ...one, row: withCounts(one, measures) }));
  const by = measures.at(-1); // masks say more than boxes
  const byObjects = by && objects ? worstByObjects(rowed, by, most) : [];
  return {
    ...evaluation,
    data: { ...dataFacts(set, images.length, limit), keypoints: objects?.keypoints?.drawn ?? set.keypoints },
    bbox: figuresOf('bbox'),
    segm: figuresOf('segm'),
    keypoints: figuresOf('keypoints'),
    detections: objects?.found.length,
    found: objects?.found,
    images: rowed.map(({ row }) => row),
    shown: [...(by && objects ? await showObjects(set, byObjects, by, objects) : []), ...shown],
    notMeasured: [...evaluation.notMeasured, ...notMeasured],
    notices: [...new Set([...set.notices, ...evaluation.notices, ...notices])],
  };
}

function withCounts({ id, row }: Evaluated, measures: ObjectMeasures['measures']): ImageRow {
  if (id === undefined) return row;
  const counts = Object.fromEntries(measures.map(({ type, rows }) => [type, rows.get(id)]));
  return { ...row, ...counts };
}

/** Returns what an evaluation says of its data set. @param evaluated how many images count */
export function dataFacts(set: ImageSet, evaluated: number, limit: number | undefined): DataFacts {
  const { format, name, split, kinds, classes, labelClasses, keypoints, count } = set;
  return {
    name,
    format,
    split,
    kinds,
    count,
    evaluated,
    limit: limit !== undefined && limit < count ? limit : undefined,
    classes,
    labelClasses,
    keypoints,
  };
}
