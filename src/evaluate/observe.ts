import { ahead } from '../ahead.ts';
import type { Size } from '../arrays.ts';
import { MoganetError } from '../errors.ts';
import type { Boxes } from '../library/index.ts';
import type { PredictOptions } from '../library/options.ts';
import type { Predictor } from '../library/predictor.ts';
import type { FoundPoses } from '../postprocess/found_poses.ts';
import type { Classification } from '../results/fields.ts';
import type { RleText } from '../results/mask.ts';
import type { Result } from '../results/result.ts';

/** What an evaluation takes of a result. It is plain data, without the decoded image, and may come from another thread. */
export interface Observation {
  readonly size: Size;
  /** n × x1, y1, x2, y2. */
  readonly boxes: Float32Array;
  readonly scores: Float32Array;
  readonly labels: Int32Array;
  readonly masks?: readonly RleText[] | undefined;
  /** height × width classes; 255 (65535 above 255 classes) is none. */
  readonly segmentation?: Uint8Array | Uint16Array | undefined;
  readonly classification?: Pick<Classification, 'labels' | 'scores'> | undefined;
  readonly poses?: Pick<FoundPoses, 'pointScores' | 'points' | 'scores'> | undefined;
  /** The time of the work, without waiting for other images. */
  readonly milliseconds: number;
}

/** Returns what is measured of a result; masks as run lengths. */
export function observationOf(result: Result): Observation {
  const { imageSize, boxes, scores, labels, masks, segmentation, classification, poses, timings } = result;
  return {
    size: imageSize,
    boxes,
    scores,
    labels,
    masks: masks?.map((mask) => mask.toRle()),
    segmentation: segmentation?.labels,
    classification: classification && { labels: classification.labels, scores: classification.scores },
    poses: poses && { scores: poses.scores, points: poses.points, pointScores: poses.pointScores },
    milliseconds: timings.total ?? 0,
  };
}

/** Runs images in place of a model, for example on several threads. */
export interface Observer {
  /**
   * Returns what was found in an image.
   *
   * @param options those of `predict`. A pose model gets the boxes of the image with them, unless it finds its own
   * @throws as `predict`
   */
  observe(image: File, options: PredictOptions): Promise<Observation>;
  /** Images that it is given at a time. */
  readonly most: number;
}

/** Runs images and yields what was found in them, in their order. An image that fails costs its slot. */
type Observe = (
  images: AsyncIterable<File>,
  options: PredictOptions,
) => AsyncIterable<PromiseSettledResult<Observation>>;

/** Observes with a model. No more than a few images are decoded at a time. */
export const observeWith = (model: Pick<Predictor, 'streamSettled'>): Observe =>
  async function* observe(images, options) {
    let slot = 0;
    for await (const one of model.streamSettled(images, options)) {
      const place = `images[${slot++}]`;
      if (one.status === 'fulfilled') yield { status: one.status, value: observationOf(one.value) };
      else yield { status: one.status, reason: withoutPlace(one.reason, place) };
    }
  };

/** Observes with calls of `predict`, a few at a time, as decoding runs beside the network. */
export const observerOf = (model: Pick<Predictor, 'predict'>): Observer => ({
  observe: async (image, options) => observationOf(await model.predict(image, options)),
  most: 3,
});

/** Observes image by image. @param boxesOf gives the boxes that a pose model looks in; undefined if it needs none */
export const observeEach =
  (observer: Observer, boxesOf?: (file: File) => Boxes): Observe =>
  (images, options) =>
    ahead(images, (file) => observer.observe(file, { ...options, boxes: boxesOf?.(file) }), {
      most: observer.most,
      signal: options.signal,
    });

/** Leaves out the place in a list that the caller did not make: `images[3]: a.jpg: …` or `images[3] (a.jpg): …`. */
function withoutPlace(error: unknown, place: string): unknown {
  if (error instanceof MoganetError && error.message.startsWith(place)) {
    error.message = error.message.slice(place.length).replace(/^: | \((.*?)\)(?=: )/, '$1');
  }
  return error;
}
