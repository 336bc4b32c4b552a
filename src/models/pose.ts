import { poseHeads } from '../../heads/index.ts';
import type { Stage } from '../backbones/index.ts';
import { poseDatasetOf } from '../datasets/index.ts';
import { UnsupportedError } from '../errors.ts';
import type { PoseConfig } from './pose_config.ts';
import type { Task } from './task.ts';

/**
 * Gives heatmaps of the keypoints of what a crop shows: the network of mmpose's TopDown models. Decoding is not a part of this package
 * yet: `heatmaps` is an output of the part `features`.
 *
 * @throws ConfigError if the head reads a level that there is not
 */
export function poseTask(config: PoseConfig, stages: readonly Stage[]): Task {
  const dataset = poseDatasetOf(config);
  const perKeypoint = config.test.target === 'offset' ? 3 : 1; // its response, and offsets along x and y
  const maps = perKeypoint * dataset.keypoints.names.length;
  const head = poseHeads[config.head.type].make(config.head, maps, stages);
  return {
    kind: 'pose',
    dataset,
    modules: ['keypoint_head'],
    takesCrops: true,
    forward: (scope, pyramid) => ({ heatmaps: head.forward(scope.at('keypoint_head'), pyramid) }),
    parts: [],
    check: refuse,
    prepare: refuse,
    predict: refuse,
  };
}

/** @throws UnsupportedError always: only the network of a pose model is here */
function refuse(): never {
  throw new UnsupportedError(
    'predict does not read the heatmaps of a pose model yet. Run its part "features" on crops, which gives them as "heatmaps".',
  );
}
