import type { Neck } from '../../heads/head.ts';
import { retinaHead } from '../../heads/retina.ts';
import { datasetOf } from '../datasets/index.ts';
import { singleStageDetections } from '../postprocess/detections.ts';
import type { RetinaNetConfig } from './config.ts';
import type { Detector } from './detector.ts';
import { anchorsOf, named, readLevels } from './rcnn.ts';

/** RetinaNet (arXiv 1708.02002) as mmdet runs it: every anchor of every level is scored once, without regions. */
export function retinanet(config: RetinaNetConfig, neck: Neck): Detector {
  const { head, test } = config;
  const { classes } = datasetOf(config);
  const anchors = anchorsOf(head.anchors, neck);
  return {
    classes,
    forward: (scope, pyramid) => {
      const levels = neck.forward(scope.at('neck'), pyramid);
      const outputs = retinaHead(scope.at('bbox_head'), levels, head, classes.length);
      return {
        ...named(
          'cls',
          outputs.map(({ scores }) => scores),
        ),
        ...named(
          'reg',
          outputs.map(({ deltas }) => deltas),
        ),
      };
    },
    parts: [],

    async detect(features, images, _run, options = {}) {
      const scores = await readLevels(features, 'cls', anchors.length);
      const deltas = await readLevels(features, 'reg', anchors.length);
      const chosen = {
        classes: classes.length,
        coder: head.deltas,
        nmsPre: test.nmsPre,
        minSize: test.minSize,
        score: options.score ?? test.score,
        iou: options.iou ?? test.iou,
        max: options.max ?? test.max,
      };
      return images.map(({ resized, scaleX, scaleY }, image) => {
        const place = { imageSize: resized, scale: { x: scaleX, y: scaleY } };
        return singleStageDetections(anchors, scores, deltas, place, chosen, image);
      });
    },
  };
}
