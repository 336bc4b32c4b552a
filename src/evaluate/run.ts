import { itemAt, scaledEdge } from '../arrays.ts';
import type { CocoDetection, NamedResults } from '../data/coco_file.ts';
import { categoryIdOf, cocoCollector } from '../data/coco_of.ts';
import type { ImageSet, LabelledImage } from '../data/image_set.ts';
import { ConfigError, DataError, MoganetError } from '../errors.ts';
import type { PredictOptions } from '../library/options.ts';
import type { Predictor } from '../library/predictor.ts';
import { boxAt } from '../postprocess/boxes.ts';
import { checkCall, checkModel, checkResults } from './checked.ts';
import type { ClassMatch } from './class_match.ts';
import { completed, type FoundObjects } from './complete.ts';
import type { Evaluation, EvaluationSpeed, ImageFailure, ModelFacts, NotMeasured } from './evaluation.ts';
import type { Sigmas } from './keypoint_sets.ts';
import { type Observation, type Observer, observeEach, observerOf, observeWith } from './observe.ts';
import { pixelMeasure } from './pixels.ts';
import { type BoxSource, detectedBoxes, labelledBoxes } from './pose_boxes.ts';
import { type PoseMeasure, poseMeasure } from './poses.ts';
import { type Evaluated, showPixels } from './shown.ts';
import { sharedTasks } from './tasks.ts';
import { classMeasure } from './whole_images.ts';

/** Evaluates a model on a data set. */

/** Options of every evaluation. */
export interface EvaluateOptions {
  /** Only the first so many images. */
  readonly limit?: number | undefined;
  /**
   * How many images are kept to be shown, the worst first: so many by their objects, and so many by their label maps.
   * Default 12.
   */
  readonly shown?: number | undefined;
  /** Ends the run with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Called after each image. */
  readonly onProgress?: ((progress: EvaluationProgress) => void) | undefined;
}

/** How far an evaluation is. */
export interface EvaluationProgress {
  /** Images that are done. */
  readonly done: number;
  readonly total: number;
  /** The image that is done, or what is computed now. */
  readonly text: string;
}

/** Options of a prediction. The thresholds are the configuration's by default, as in published figures. */
export type EvaluatedOptions = Omit<PredictOptions, 'boxes' | 'classes' | 'only' | 'signal' | 'top'>;

/** Options of `evaluateModel`. */
export interface EvaluateModelOptions extends EvaluateOptions {
  readonly predict?: EvaluatedOptions | undefined;
  /** Runs the images. By default the model does, a few ahead. */
  readonly observer?: Observer | undefined;
  /**
   * Boxes in which a pose model looks for poses: a detector's results in COCO's format. By default the boxes of the labels. A model
   * `withDetector` finds its own.
   */
  readonly boxes?: NamedResults | undefined;
  /**
   * What OKS divides the distances of keypoints by: one for all, or one for each keypoint of the data set. By default those of the pose
   * model.
   */
  readonly sigmas?: Sigmas | undefined;
}

/** How many images are kept by default. */
export const usualShown = 12;

/** What an evaluation needs of a model: a `Model`, or a `RemoteModel` of `moganet/worker`. */
export type EvaluatedModel = Pick<
  Predictor,
  'classes' | 'config' | 'engine' | 'name' | 'predict' | 'sha256' | 'streamSettled'
> & {
  /** The model that finds the boxes. Only a pose model `withDetector` has it. */
  readonly detector?: Pick<Predictor, 'name'> | undefined;
};

/**
 * Runs a model over a data set and measures what both have in common: instances against objects (boxes, and masks if both
 * have them), a segmentation against label maps, a classification against the classes of images, poses against keypoints.
 * Classes and keypoints are matched by name. Poses are looked for and suppressed as mmpose does: in the boxes of the labels unless the
 * options say otherwise, and with an OKS of 0.9. No decoded image is kept. An image that cannot be read is left out on both sides and is
 * among `failures`.
 *
 * @throws ConfigError if the two have nothing in common, or if keypoints have no sigmas, DataError if the data set cannot be read or
 *   all of its images fail, whatever concerns every image, the signal's reason
 */
export async function evaluateModel(
  model: EvaluatedModel,
  set: ImageSet,
  options: EvaluateModelOptions = {},
): Promise<Evaluation> {
  checkModel(model);
  checkCall('evaluateModel', set, options);
  const { signal, shown = usualShown, onProgress, predict = {}, limit } = options;
  const shared = sharedTasks(model, set);
  const modelClasses = model.classes.classification ?? [];
  if (options.boxes) checkResults('evaluateModel', options.boxes);
  if (!shared.pose && options.boxes) {
    throw new ConfigError(
      `${model.name} finds no poses on ${set.name}, so the boxes of ${options.boxes.name} cannot be used. Leave them out.`,
    );
  }
  const posing = shared.pose && (await posingOf(model, set, shared.pose, options));
  const objects = shared.detection && objectMeasure(set, shared.detection.toData);
  const pixels = shared.segmentation && pixelMeasure(set, shared.segmentation, { kept: shown });
  const classes = shared.classification && classMeasure(set, modelClasses, shared.classification);
  const placeOf = new WeakMap<File, Placed>();
  const observe = observing(model, options.observer, posing?.boxes, placeOf);
  const total = Math.min(limit ?? set.count, set.count);
  const images: Evaluated[] = [];
  const failures: ImageFailure[] = [];
  const fail = ({ file }: Pick<LabelledImage, 'file'>, error: unknown) =>
    failures.push({ file, error: reasonOf(error, file) });

  const take = async ({ image, place }: Placed, observation: Observation): Promise<void> => {
    const { size, milliseconds } = observation;
    const semseg = await pixels?.add(image, observation);
    const classification = classes?.add(image, observation);
    const id = posing?.measure.add(image, observation) ?? objects?.add(image, observation);
    images.push({ place, id, row: { id: image.id, file: image.file, size, semseg, classification, milliseconds } });
  };

  const waiting: Placed[] = [];
  const files = filesOf(set, total, { waiting, placeOf }, fail);
  const top = classes ? modelClasses.length : undefined;
  const start = performance.now();
  for await (const one of observe(files, { ...predict, ...posing?.options, top, only: shared.only, signal })) {
    const next = waiting.shift() as Placed; // there is one for each file
    try {
      if (one.status === 'rejected') throw one.reason;
      await take(next, one.value);
    } catch (error) {
      fail(next.image, error);
    }
    onProgress?.({ done: images.length + failures.length, total, text: next.image.file });
  }
  const speed = speedOf(images, performance.now() - start);
  signal?.throwIfAborted();
  if (images.length === 0) throw noneLeft(set, failures);
  return completed({
    set,
    limit,
    images,
    failures,
    speed,
    most: shown,
    model: { ...modelFacts(model, predict), boxes: posing?.boxesName },
    objects: posing?.measure.collected() ?? objects?.collected(),
    semseg: pixels?.figures(),
    classification: classes?.figures(),
    shown: pixels ? showPixels(pixels.worst, images) : [],
    notMeasured: [...(objects?.withoutMasks(model.name) ?? []), ...shared.notMeasured],
    notices: [...shared.notices, ...(posing?.notices ?? []), ...(posing?.boxes?.notices() ?? [])],
  });
}

/** How a pose model is run and measured. */
interface Posing {
  readonly measure: PoseMeasure;
  /** Undefined if the model finds the boxes itself. */
  readonly boxes: BoxSource | undefined;
  /** Says whose boxes these are. */
  readonly boxesName: string;
  readonly options: Pick<PredictOptions, 'oks'>;
  readonly notices: readonly string[];
}

/** As in mmpose's configurations of COCO. */
const usualOks = 0.9;

async function posingOf(
  { name, config, detector }: EvaluatedModel,
  set: ImageSet,
  { toData }: ClassMatch,
  { boxes, sigmas, predict }: EvaluateModelOptions,
): Promise<Posing> {
  const { poseDatasetOf } = await import('../datasets/index.ts');
  const dataset = poseDatasetOf(config.pose ?? {});
  const measure = poseMeasure(set, { name, dataset, toData, sigmas });
  const options = { oks: predict?.oks ?? (dataset.keypoints.sigmas ? usualOks : undefined) };
  const notices = [...measure.notices];
  if (options.oks === undefined) {
    const why = `the configuration of ${name} has no sigmas by which they are similar`;
    notices.push(`keypoints: similar poses are not dropped, since ${why}.`);
  }
  const posing = { measure, options, notices };
  if (detector && boxes) {
    throw new ConfigError(
      `the detector ${detector.name} finds the boxes of ${name}, so those of ${boxes.name} cannot be used. Leave one of them out.`,
    );
  }
  if (detector) return { ...posing, boxes: undefined, boxesName: `found by ${detector.name}` };
  const labels = new Set(toData);
  labels.delete(-1);
  const shape = config.pose?.input;
  return boxes
    ? { ...posing, boxes: detectedBoxes(set, labels, boxes, shape), boxesName: boxes.name }
    : { ...posing, boxes: labelledBoxes(set, labels, shape), boxesName: 'those of the labels' };
}

function observing(
  model: EvaluatedModel,
  observer: Observer | undefined,
  boxes: BoxSource | undefined,
  placeOf: WeakMap<File, Placed>,
) {
  if (!boxes) return observer ? observeEach(observer) : observeWith(model);
  return observeEach(observer ?? observerOf(model), (file) => {
    const { image, place } = placeOf.get(file) as Placed; // every file has one
    return boxes.boxesOf(image, place);
  });
}

interface Placed {
  readonly image: LabelledImage;
  /** Its position in the data set, from 0. */
  readonly place: number;
}

/** Reads the files of a data set as they are asked for. Those that are given out wait for their results. */
async function* filesOf(
  set: ImageSet,
  total: number,
  { waiting, placeOf }: { readonly waiting: Placed[]; readonly placeOf: WeakMap<File, Placed> },
  fail: (image: Pick<LabelledImage, 'file'>, error: unknown) => void,
): AsyncGenerator<File, void, undefined> {
  let place = 0;
  let faults = 0;
  const onFault = (error: DataError): void => {
    faults++;
    fail({ file: error.message.split(': ')[0] ?? '' }, error); // a message about labels begins with their file
  };
  if (total === 0) return;
  for await (const image of set.images({ onFault })) {
    if (place + faults >= total) return;
    let bytes: Uint8Array<ArrayBuffer> | undefined;
    try {
      bytes = (await image.bytes()) as Uint8Array<ArrayBuffer>; // a file's bytes share no memory with another thread
    } catch (error) {
      fail(image, error);
    }
    if (bytes) {
      const file = new File([bytes], image.file);
      const placed = { image, place };
      waiting.push(placed);
      placeOf.set(file, placed);
      yield file;
    }
    if (++place + faults >= total) return;
  }
}

/** Collects the instances of a run in COCO's form, with the objects of the same images. */
function objectMeasure(set: ImageSet, toData: Int32Array) {
  const collector = cocoCollector(set);
  const found: CocoDetection[] = [];
  let masked = false;
  return {
    /** Returns the image's id in the annotation file. */
    add(image: LabelledImage, { boxes, scores, labels, masks }: Observation): number {
      const id = collector.add(image);
      masked ||= masks !== undefined;
      for (const [i, label] of labels.entries()) {
        const to = toData[label] ?? -1;
        if (to < 0) continue;
        const [x1, y1, x2, y2] = boxAt(boxes, i);
        found.push({
          image_id: id,
          category_id: categoryIdOf(set, to),
          bbox: [x1, y1, x2 - x1, y2 - y1],
          score: scores[i]!,
          segmentation: masks?.[i],
        });
      }
      return id;
    },
    collected(): FoundObjects {
      const types = masked && set.kinds.includes('masks') ? (['bbox', 'segm'] as const) : (['bbox'] as const);
      return { truth: collector.file(), found, types };
    },
    /** Says why masks are not compared, if one side has some. */
    withoutMasks(model: string): readonly NotMeasured[] {
      const labelled = set.kinds.includes('masks');
      if (labelled === masked) return [];
      return [{ what: 'segm', why: labelled ? `${model} gives no masks.` : `${set.name} has no masks.` }];
    },
  };
}

/**
 * Says why an image failed.
 *
 * @throws an error that is not about one image
 */
function reasonOf(error: unknown, file: string): string {
  const isAboutAll = !(error instanceof MoganetError) || error instanceof ConfigError;
  if (isAboutAll) throw error;
  const { message } = error;
  return message.startsWith(`${file}: `) ? message.slice(file.length + 2) : message;
}

const noneLeft = ({ name, count }: ImageSet, [first, ...more]: readonly ImageFailure[]): DataError =>
  new DataError(
    first
      ? `${name}: none of ${more.length + 1} images could be evaluated. The first, ${first.file}: ${first.error}`
      : `${name}: there is no image to evaluate among ${count}.`,
  );

function speedOf(images: readonly Evaluated[], milliseconds: number): EvaluationSpeed {
  const work = images.reduce((sum, { row }) => sum + (row.milliseconds ?? 0), 0);
  return {
    millisecondsPerImage: work / images.length,
    imagesPerSecond: (1000 * images.length) / milliseconds,
  };
}

const cropScale = ({ pose }: EvaluatedModel['config']) =>
  pose && { scale: [pose.input.size.width, pose.input.size.height] };

function modelFacts({ name, sha256, engine, classes, config }: EvaluatedModel, predict: EvaluatedOptions): ModelFacts {
  const { size, scales = [] } = predict;
  const factor = scales.length === 1 ? itemAt(scales, 0) : 1;
  const scale = (of: { readonly scale: readonly number[] } | undefined) =>
    of && (size ? [size.width, size.height] : of.scale).map((edge) => scaledEdge(edge, factor));
  return {
    name,
    sha256,
    engine: engine.name,
    detail: engine.detail,
    classes: Object.fromEntries(Object.entries(classes).filter(([, names]) => names !== undefined)),
    detectionScale: scale(config.detection?.input),
    segmentationScale: scale(config.segmentation?.input),
    poseScale: scale(cropScale(config)),
    options: Object.fromEntries(Object.entries(predict).filter(([, value]) => value !== undefined)),
  };
}
