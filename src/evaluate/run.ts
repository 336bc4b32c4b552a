import { itemAt, scaledEdge } from '../arrays.ts';
import type { CocoDetection } from '../data/coco_file.ts';
import { categoryIdOf, cocoCollector } from '../data/coco_of.ts';
import type { ImageSet, LabelledImage } from '../data/image_set.ts';
import { ConfigError, DataError, MoganetError } from '../errors.ts';
import type { PredictOptions } from '../library/options.ts';
import type { Predictor } from '../library/predictor.ts';
import { boxAt } from '../postprocess/boxes.ts';
import { checkCall, checkModel } from './checked.ts';
import { completed, type FoundObjects } from './complete.ts';
import type { Evaluation, EvaluationSpeed, ImageFailure, ModelFacts, NotMeasured } from './evaluation.ts';
import { type Observation, type Observe, observeWith } from './observe.ts';
import { pixelMeasure } from './pixels.ts';
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
export type EvaluatedOptions = Omit<PredictOptions, 'classes' | 'only' | 'signal' | 'top'>;

/** Options of `evaluateModel`. */
export interface EvaluateModelOptions extends EvaluateOptions {
  readonly predict?: EvaluatedOptions | undefined;
  /** Runs the images. By default the model does, a few ahead. */
  readonly observe?: Observe | undefined;
}

/** How many images are kept by default. */
export const usualShown = 12;

/** What an evaluation needs of a model: a `Model`, or a `RemoteModel` of `moganet/worker`. */
export type EvaluatedModel = Pick<Predictor, 'classes' | 'config' | 'engine' | 'name' | 'sha256' | 'streamSettled'>;

/**
 * Runs a model over a data set and measures what both have in common: instances against objects (boxes, and masks if both
 * have them), a segmentation against label maps, a classification against the classes of images. Classes are matched by
 * name. No decoded image is kept. An image that cannot be read is left out on both sides and is among `failures`.
 *
 * @throws ConfigError if the two have nothing in common, DataError if the data set cannot be read or all of its images
 *   fail, whatever concerns every image, the signal's reason
 */
export async function evaluateModel(
  model: EvaluatedModel,
  set: ImageSet,
  options: EvaluateModelOptions = {},
): Promise<Evaluation> {
  checkModel(model);
  checkCall('evaluateModel', set, options);
  const { signal, shown = usualShown, onProgress, predict = {}, observe = observeWith(model), limit } = options;
  const shared = sharedTasks(model, set);
  const modelClasses = model.classes.classification ?? [];
  const objects = shared.detection && objectMeasure(set, shared.detection.toData);
  const pixels = shared.segmentation && pixelMeasure(set, shared.segmentation, { kept: shown });
  const classes = shared.classification && classMeasure(set, modelClasses, shared.classification);
  const total = Math.min(limit ?? set.count, set.count);
  const images: Evaluated[] = [];
  const failures: ImageFailure[] = [];
  const fail = ({ file }: Pick<LabelledImage, 'file'>, error: unknown) =>
    failures.push({ file, error: reasonOf(error, file) });

  const take = async ({ image, place }: Placed, observation: Observation): Promise<void> => {
    const { size, milliseconds } = observation;
    const semseg = await pixels?.add(image, observation);
    const classification = classes?.add(image, observation);
    const id = objects?.add(image, observation);
    images.push({ place, id, row: { id: image.id, file: image.file, size, semseg, classification, milliseconds } });
  };

  const waiting: Placed[] = [];
  const files = filesOf(set, total, waiting, fail);
  const top = classes ? modelClasses.length : undefined;
  const start = performance.now();
  for await (const one of observe(files, { ...predict, top, only: shared.only, signal })) {
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
    model: modelFacts(model, predict),
    objects: objects?.collected(),
    semseg: pixels?.figures(),
    classification: classes?.figures(),
    shown: pixels ? showPixels(pixels.worst, images) : [],
    notMeasured: [...(objects?.withoutMasks(model.name) ?? []), ...shared.notMeasured],
    notices: shared.notices,
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
  waiting: Placed[],
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
      waiting.push({ image, place });
      yield new File([bytes], image.file);
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
    options: Object.fromEntries(Object.entries(predict).filter(([, value]) => value !== undefined)),
  };
}
