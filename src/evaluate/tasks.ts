import type { ImageSet } from '../data/image_set.ts';
import type { PredictOptions } from '../library/options.ts';
import type { Predictor } from '../library/predictor.ts';
import {
  type ClassMatch,
  hasCommon,
  matchClasses,
  matchNotices,
  nothingInCommon,
  refuseNothing,
} from './class_match.ts';
import type { NotMeasured } from './evaluation.ts';

/** What a model and a data set have in common: the tasks that can be measured, with the classes of both sides. */
export interface SharedTasks {
  readonly detection?: ClassMatch | undefined;
  readonly segmentation?: ClassMatch | undefined;
  readonly classification?: ClassMatch | undefined;
  readonly pose?: ClassMatch | undefined;
  /** The one task to run, if the model has others that are not measured. */
  readonly only: PredictOptions['only'];
  readonly notMeasured: readonly NotMeasured[];
  readonly notices: readonly string[];
}

/** What a task needs in a data set, and what becomes of classes that the model lacks. */
const needs = {
  detection: {
    what: 'bbox',
    kinds: ['objects', 'masks'],
    label: 'labelled objects',
    does: 'detects no instances',
    unmatched: { onlyData: 'they count as not found', onlyModel: 'detections of them are left out' },
  },
  segmentation: {
    what: 'semseg',
    kinds: ['labels'],
    label: 'label maps',
    does: 'does not segment',
    unmatched: { onlyData: 'their pixels count as wrong', onlyModel: 'pixels that get them count as wrong' },
  },
  classification: {
    what: 'classification',
    kinds: ['class'],
    label: 'classes of whole images',
    does: 'does not classify',
    unmatched: { onlyData: 'their images count as wrong', onlyModel: 'images that get them count as wrong' },
  },
  pose: {
    what: 'keypoints',
    kinds: ['keypoints'],
    label: 'keypoints',
    does: 'finds no poses',
    unmatched: { onlyData: 'their keypoints are left out', onlyModel: 'poses of them are left out' },
  },
} as const;
type Measured = keyof typeof needs;

/** A checkpoint of mmpose often does not say what has the keypoints: it is a person then. */
const renaming =
  'If they are the same, set `pose.class` in the configuration of the model to the name of the data set.';
const tasks = Object.keys(needs) as readonly Measured[];

const has = (set: ImageSet, task: Measured): boolean =>
  set.kinds.some((kind) => needs[task].kinds.some((one) => one === kind));

/** The classes of a data set that a task's are compared with. */
export const classesFor = (set: ImageSet, task: Measured): readonly string[] =>
  task === 'segmentation' ? (set.labelClasses ?? set.classes) : set.classes;

/**
 * Finds what can be measured.
 *
 * @throws ConfigError if nothing can, with the classes of both sides
 */
export function sharedTasks({ name, classes }: Pick<Predictor, 'name' | 'classes'>, set: ImageSet): SharedTasks {
  const matches: Partial<Record<Measured, ClassMatch>> = {};
  const notMeasured: NotMeasured[] = [];
  const notices: string[] = [];
  for (const task of tasks) {
    const { what, label, does, unmatched } = needs[task];
    const ofModel = classes[task];
    if (!ofModel && !has(set, task)) continue;
    if (!ofModel) notMeasured.push({ what, why: `${name} ${does}.` });
    else if (!has(set, task)) notMeasured.push({ what, why: `${set.name} has no ${label}.` });
    else {
      const match = matchClasses(ofModel, classesFor(set, task));
      if (hasCommon(match)) {
        matches[task] = match;
        notices.push(...matchNotices(task, match, unmatched));
      } else {
        const why = nothingInCommon(task, ofModel, classesFor(set, task));
        notMeasured.push({ what, why: task === 'pose' ? `${why} ${renaming}` : why });
      }
    }
  }
  const measured = tasks.filter((task) => matches[task]);
  if (measured.length === 0)
    refuseNothing(
      notMeasured.map(({ why }) => why),
      `${name} on ${set.name}`,
    );
  const [first] = measured;
  const others = tasks.filter((task) => classes[task] && !matches[task]);
  return { ...matches, only: measured.length === 1 && others.length > 0 ? first : undefined, notMeasured, notices };
}
