import * as z from 'zod/mini';
import type { ImageRef } from '../platform/contract.ts';
import { withoutTask } from '../results/fields.ts';
import type { Result } from '../results/result.ts';
import { validateOptions } from '../validate.ts';
import type { Predicts } from './predicts.ts';

/** The shapes of @tensorflow-models/pose-detection 2.1. */

/** `Keypoint` of pose-detection. */
export interface PoseDetectionKeypoint {
  /** Pixels of the image. */
  x: number;
  y: number;
  score: number;
  name: string;
}

/** `Pose` of pose-detection. */
export interface PoseDetectionPose {
  keypoints: PoseDetectionKeypoint[];
  score: number;
  /** Shares of the image's width and height, as MoveNet gives them. */
  box: { xMin: number; yMin: number; xMax: number; yMax: number; width: number; height: number };
}

/** `EstimationConfig` of pose-detection, and the threshold of PoseNet's. */
export interface PoseDetectionConfig {
  /** The most poses, the best of them. By default all. */
  readonly maxPoses?: number | undefined;
  /** Mirrors the keypoints from left to right, for the image of a camera that is shown mirrored. */
  readonly flipHorizontal?: boolean | undefined;
  /** Poses have at least this score. By default all. */
  readonly scoreThreshold?: number | undefined;
}

/** `PoseDetector` of pose-detection. */
export interface PoseDetectionModel {
  /** Finds the poses of an image. Each is found anew: the time stamp of a frame has no effect. */
  estimatePoses(image: ImageRef, config?: PoseDetectionConfig, timestamp?: number): Promise<PoseDetectionPose[]>;
  /** Does nothing: no frame depends on the one before. */
  reset(): void;
  /** Disposes the model. */
  dispose(): Promise<void>;
}

const estimation = z.strictObject({
  maxPoses: z.optional(z.int().check(z.minimum(1))),
  flipHorizontal: z.optional(z.boolean({ error: 'must be true or false' })),
  scoreThreshold: z.optional(z.number().check(z.minimum(0), z.maximum(1))),
} satisfies Record<keyof PoseDetectionConfig, z.ZodMiniType>);

/**
 * Returns the poses of a result as `estimatePoses` of pose-detection does, best first.
 *
 * @throws ConfigError for an unknown or wrong option, RangeError if pose did not run
 */
export function toPoseDetection(result: Result, config: PoseDetectionConfig = {}): PoseDetectionPose[] {
  const { maxPoses, flipHorizontal = false, scoreThreshold } = validateOptions(estimation, config, 'toPoseDetection');
  if (!result.poses) throw withoutTask('pose');
  const { width, height } = result.imageSize;
  const mirrored = (x: number) => (flipHorizontal ? width - 1 - x : x); // the first pixel has its middle at 0
  return [...result.poses]
    .filter(({ score }) => scoreThreshold === undefined || score >= Math.fround(scoreThreshold))
    .sort((a, b) => b.score - a.score)
    .slice(0, maxPoses)
    .map(({ keypoints, score, box: [x1, y1, x2, y2] }) => {
      const [left, right] = flipHorizontal ? [width - x2, width - x1] : [x1, x2];
      return {
        keypoints: keypoints.map(({ x, y, score, name }) => ({ x: mirrored(x), y, score, name })),
        score,
        box: {
          xMin: left / width,
          yMin: y1 / height,
          xMax: right / width,
          yMax: y2 / height,
          width: (right - left) / width,
          height: (y2 - y1) / height,
        },
      };
    });
}

/**
 * Returns an object with the methods of a detector of pose-detection.
 *
 * @param model a pose model, which sees the whole image as one box, or what `withDetector` returns
 */
export function poseDetector(model: Predicts): PoseDetectionModel {
  return {
    estimatePoses: async (image, config = {}) => {
      const { maxPoses: max, scoreThreshold: score } = validateOptions(estimation, config, 'estimatePoses');
      return toPoseDetection(await model.predict(image, { max, score, only: 'pose' }), config);
    },
    reset: () => undefined,
    dispose: () => model.dispose(),
  };
}
