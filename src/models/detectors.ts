import type { Neck } from '../../heads/head.ts';
import type { DetectorConfig } from './config.ts';
import type { Detector } from './detector.ts';
import { rcnn } from './rcnn.ts';
import { retinanet } from './retinanet.ts';

/** Detectors by their `type` in a config. */
export const detectors = { mask_rcnn: rcnn, cascade_mask_rcnn: rcnn, retinanet } as const;

/** @throws ConfigError where anchors or regions are of other levels than the neck gives */
export const detectorOn = (config: DetectorConfig, neck: Neck): Detector => {
  const make = detectors[config.type] as (config: DetectorConfig, neck: Neck) => Detector;
  return make(config, neck); // the table pairs each detector with its own configuration
};
