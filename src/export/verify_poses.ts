import type { Result } from '../results/result.ts';

/** Compares the poses that an engine finds in the sample's image with those of PyTorch's heatmaps. */

/** Keypoints that the sample's pose model finds in its image, against the reference. */
export interface PosesCheck {
  readonly passed: boolean;
  readonly file: string;
  /** Number of expected keypoints. */
  readonly expected: number;
  /** How many of them were found: within 0.02 pixels, score within 0.002. */
  readonly found: number;
  /** The largest distance of a keypoint from the reference's, in pixels. */
  readonly maxDistance: number;
  /** From the file to the result. */
  readonly milliseconds: number;
}

/** The reference's poses, in the order of the boxes. */
export interface ExpectedPoses {
  readonly file: string;
  readonly poses: readonly {
    /** x1, y1, x2, y2 in pixels of the image. */
    readonly box: readonly number[];
    /** keypoints × (x, y) */
    readonly points: readonly number[];
    readonly scores: readonly number[];
  }[];
}

const distanceTolerance = 0.02;
/** The most that a score may differ from the reference's. */
export const scoreTolerance = 0.002;

/** Compares a result with the reference's poses, one by one. */
export function comparePoses(result: Result, { file, poses }: ExpectedPoses): PosesCheck {
  const found = [...(result.poses ?? [])];
  const errors = poses.flatMap(({ points, scores }, i) =>
    scores.map((score, k) => {
      const keypoint = found[i]?.keypoints[k];
      if (!keypoint) return { distance: Number.POSITIVE_INFINITY, score: Number.POSITIVE_INFINITY };
      const [x = Number.NaN, y = Number.NaN] = points.slice(2 * k, 2 * k + 2);
      return { distance: Math.hypot(keypoint.x - x, keypoint.y - y), score: Math.abs(keypoint.score - score) };
    }),
  );
  const good = errors.filter(({ distance, score }) => distance <= distanceTolerance && score <= scoreTolerance).length;
  return {
    passed: good === errors.length && found.length === poses.length,
    file,
    expected: errors.length,
    found: good,
    maxDistance: errors.reduce((most, { distance }) => Math.max(most, distance), 0),
    milliseconds: result.timings.total ?? 0,
  };
}
