import type { PoseDataset } from '../datasets/index.ts';
import type { Bitmap, GlobalInstance } from '../globals.ts';
import type { TaskKind } from '../models/task.ts';
import type { FoundPoses } from '../postprocess/found_poses.ts';
import type { CompactMask } from '../postprocess/masks.ts';
import type { Origin } from '../results/fields.ts';
import { Result } from '../results/result.ts';
import type { MaskParcel, ModelParcel, ResultParcel } from './messages.ts';

/** Results as data: typed arrays whose memory is transferred, and nothing that the page knows already. */

/** Returns a result as data. */
export function packResult(result: Result, bitmap?: Bitmap): ResultParcel {
  const { boxes, scores, labels, masks, segmentation, classification, poses, custom, image, timings } = result;
  const ran: Readonly<Record<TaskKind, boolean>> = {
    detection: result.classes.length > 0,
    segmentation: segmentation !== undefined,
    classification: classification !== undefined,
    pose: poses !== undefined,
    custom: custom !== undefined,
  };
  const { width, height, data, notices } = image;
  return {
    boxes,
    scores,
    labels,
    masks: masks && packMasks(masks),
    tasks: (Object.keys(ran) as (keyof typeof ran)[]).filter((task) => ran[task]),
    segmentation: segmentation && { labels: segmentation.labels },
    classification: classification && { labels: classification.labels, scores: classification.scores },
    poses: poses && packPoses(poses),
    custom,
    image: { width, height, data, notices },
    timings,
    bitmap,
  };
}

/** Returns the memory of a result that can be transferred. What a custom head decodes is cloned, since it may keep it. */
export function memoryOf(parcels: readonly ResultParcel[]): unknown[] {
  const found = new Set<unknown>();
  for (const { boxes, scores, labels, masks, segmentation, classification, poses, image, bitmap } of parcels) {
    const arrays = [boxes, scores, labels, masks?.crops, masks?.counts, segmentation?.labels, image.data];
    for (const array of [...arrays, classification?.labels, classification?.scores, ...Object.values(poses ?? {})]) {
      if (array) found.add(array.buffer);
    }
    if (bitmap) found.add(bitmap);
  }
  return [...found];
}

/** Returns the result of a parcel, with the data sets of the model. @param file the image's, as the caller named it */
export function unpackResult<Custom>(
  parcel: ResultParcel,
  { name, sha256, engine, datasets }: ModelParcel,
  file: string | undefined,
): Result<Custom> {
  const { boxes, scores, labels, masks, tasks, segmentation, classification, poses, custom, image, timings, bitmap } =
    parcel;
  const origin: Origin = { model: { name, sha256 }, engine: engine.name, file };
  const dataset = tasks.includes('detection') ? datasets.detection : undefined;
  const classesOf = (task: TaskKind) => ({ dataset: datasets[task], classes: datasets[task]?.classes ?? [] });
  const fields = {
    boxes,
    scores,
    labels,
    masks: masks && unpackMasks(masks),
    classes: dataset?.classes ?? [],
    dataset,
    segmentation: segmentation && { ...segmentation, ...classesOf('segmentation') },
    classification: classification && { ...classification, ...classesOf('classification') },
    poses: poses && { ...poses, dataset: datasets.pose as PoseDataset }, // whose keypoints the result checks
    custom: custom as Custom, // what the head of this model decoded
    image,
    timings,
    origin,
  };
  return bitmap ? new DrawnResult(fields, bitmap) : new Result(fields);
}

/** A result that the thread has drawn. */
export class DrawnResult<Custom = unknown> extends Result<Custom> {
  /** The picture of `render`. Whoever shows it closes it, or hands it on: `context.transferFromImageBitmap(result.bitmap)`. */
  readonly bitmap: GlobalInstance<'ImageBitmap'>;

  constructor(fields: ConstructorParameters<typeof Result<Custom>>[0], bitmap: Bitmap) {
    super(fields);
    this.bitmap = bitmap as GlobalInstance<'ImageBitmap'>; // by the types of the page
  }
}

/** Returns the arrays of poses. The page has their data set. */
const packPoses = ({ boxes, scores, points, pointScores }: FoundPoses): FoundPoses => ({
  boxes,
  scores,
  points,
  pointScores,
});

/** Numbers of a crop. */
const perCrop = 7;

function packMasks(masks: readonly CompactMask[]): MaskParcel {
  const crops = new Int32Array(perCrop * masks.length);
  const counts = new Uint32Array(masks.reduce((sum, { rle }) => sum + rle.counts.length, 0));
  let at = 0;
  for (const [i, { imageSize, left, top, rle }] of masks.entries()) {
    const { height, width } = imageSize;
    crops.set([height, width, left, top, rle.height, rle.width, rle.counts.length], perCrop * i);
    counts.set(rle.counts, at);
    at += rle.counts.length;
  }
  return { crops, counts };
}

function unpackMasks({ crops, counts }: MaskParcel): CompactMask[] {
  let at = 0;
  return Array.from({ length: crops.length / perCrop }, (_, i) => {
    const [imageHeight = 0, imageWidth = 0, left = 0, top = 0, height = 0, width = 0, runs = 0] = crops.subarray(
      perCrop * i,
      perCrop * (i + 1),
    );
    const rle = { height, width, counts: counts.slice(at, at + runs) };
    at += runs;
    return { imageSize: { height: imageHeight, width: imageWidth }, left, top, rle };
  });
}
