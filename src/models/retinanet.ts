import type { Neck } from '../../heads/head.ts';
import { retinaHead } from '../../heads/retina.ts';
import { type Detections, singleStageSlices } from '../postprocess/detections.ts';
import { inSlices } from '../slices.ts';
import type { RetinaNetConfig } from './config.ts';
import { anchorsOf, type Detector } from './detection.ts';
import { named, readLevels } from './task.ts';

/**
 * RetinaNet (arXiv 1708.02002) as mmdet runs it: scores every anchor of every level once, without regions.
 *
 * @throws ConfigError if the anchors do not fit the neck's levels
 */
export function retinanet({ head, test }: RetinaNetConfig, neck: Neck, classes: number): Detector {
  const anchors = anchorsOf(head.anchors, neck, 'detection.head.anchors');
  return {
    modules: ['neck', 'bbox_head'],
    forward: (scope, pyramid) => {
      const levels = neck.forward(scope.at('neck'), pyramid);
      const outputs = retinaHead(scope.at('bbox_head'), levels, head, classes);
      const scores = outputs.map((level) => level.scores);
      const deltas = outputs.map((level) => level.deltas);
      return { ...named('cls', scores), ...named('reg', deltas) };
    },
    parts: [],
    detect: async ({ features, geometries, networkDone, pause }, options) => {
      const outputs = await features();
      const scores = await readLevels(outputs, 'cls', anchors.length);
      const deltas = await readLevels(outputs, 'reg', anchors.length);
      await networkDone();
      const keep = {
        classes,
        coder: head.deltas,
        nmsPre: test.nmsPre,
        minSize: test.keepEmpty ? -1 : test.minSize,
        score: options.score ?? test.score,
        iou: options.iou ?? test.iou,
        max: options.max ?? test.max,
        acrossClasses: test.acrossClasses,
        labels: options.labels,
      };
      const results: Detections[] = [];
      for (const [image, { resized, scaleX, scaleY }] of geometries.entries()) {
        const seen = { imageSize: resized, scale: { x: scaleX, y: scaleY } };
        results.push(await inSlices(singleStageSlices(anchors, scores, deltas, seen, keep, image), pause));
      }
      return results;
    },
  };
}
