/** The keypoints that a pose consists of, and what relates them. Indices count from 0, in the order of a head's maps. */
export interface KeypointSet {
  readonly names: readonly string[];
  /** Pairs of keypoints that a drawing joins. */
  readonly skeleton: readonly (readonly [from: number, to: number])[];
  /** Pairs that change places if the image is mirrored: left and right. */
  readonly flipPairs: readonly (readonly [left: number, right: number])[];
  /** COCO's constants of the object keypoint similarity: a keypoint's spread, in units of the root of the object's area. */
  readonly sigmas?: readonly number[] | undefined;
}

/** COCO's keypoints of a person (mmpose 0.29, `configs/_base_/datasets/coco.py`). Its annotation files count the skeleton from 1. */
export const cocoKeypoints: KeypointSet = {
  // biome-ignore format: left and right side by side
  names: [
    'nose',
    'left_eye',      'right_eye',
    'left_ear',      'right_ear',
    'left_shoulder', 'right_shoulder',
    'left_elbow',    'right_elbow',
    'left_wrist',    'right_wrist',
    'left_hip',      'right_hip',
    'left_knee',     'right_knee',
    'left_ankle',    'right_ankle',
  ],
  // biome-ignore format: legs, trunk, arms, head
  skeleton: [
    [15, 13], [13, 11], [16, 14], [14, 12],
    [11, 12], [5, 11], [6, 12], [5, 6],
    [5, 7], [6, 8], [7, 9], [8, 10],
    [1, 2], [0, 1], [0, 2], [1, 3], [2, 4], [3, 5], [4, 6],
  ],
  // biome-ignore format: from the eyes down
  flipPairs: [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10], [11, 12], [13, 14], [15, 16]],
  sigmas: [
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
  ],
};
