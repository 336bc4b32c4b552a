import type { Neck } from '../../heads/head.ts';
import { retinaHead } from '../../heads/retina.ts';
import { itemAt, type Named } from '../arrays.ts';
import type { DeviceTensor } from '../nn/index.ts';
import type { Detections } from '../postprocess/detections.ts';
import type { ViewCandidates } from '../postprocess/views.ts';
import { inSlices } from '../slices.ts';
import type { RetinaNetConfig } from './config.ts';
import { anchorsOf, type DetectOptions, type Detector } from './detection.ts';
import { named, readLevels } from './task.ts';

/**
 * RetinaNet (arXiv 1708.02002) as mmdet runs it: scores every anchor of every level once, without regions.
 *
 * @throws ConfigError if the anchors do not fit the neck's levels
 */
export function retinanet({ head, test }: RetinaNetConfig, neck: Neck, classes: number): Detector {
  const anchors = anchorsOf(head.anchors, neck, 'detection.head.anchors');
  const keepOf = (options: DetectOptions) => ({
    classes,
    coder: head.deltas,
    nmsPre: test.nmsPre,
    minSize: test.keepEmpty ? -1 : test.minSize,
    score: options.score ?? test.score,
    iou: options.iou ?? test.iou,
    max: options.max ?? test.max,
    acrossClasses: test.acrossClasses,
    labels: options.labels,
  });
  const mapsOf = async (outputs: Named<DeviceTensor>) => ({
    scores: await readLevels(outputs, 'cls', anchors.length),
    deltas: await readLevels(outputs, 'reg', anchors.length),
  });
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
      const { singleStageSlices } = await import('../postprocess/detecting.ts');
      const outputs = await features();
      const { scores, deltas } = await mapsOf(outputs);
      await networkDone();
      const results: Detections[] = [];
      for (const [image, { resized, scaleX, scaleY }] of geometries.entries()) {
        const seen = { imageSize: resized, scale: { x: scaleX, y: scaleY } };
        results.push(await inSlices(singleStageSlices(anchors, scores, deltas, seen, keepOf(options), image), pause));
      }
      return results;
    },
    // mmdet's BBoxTestMixin: the candidates of all views suppress each other
    detectViews: async (views, options) => {
      const keep = keepOf(options);
      const { denseCandidates, labelsToScore, singleStageOf } = await import('../postprocess/detecting.ts');
      const { joinedCandidates } = await import('../postprocess/joining.ts');
      const found: ViewCandidates[] = [];
      for (const { features, geometries, flipped, networkDone, pause } of views) {
        const { scores, deltas } = await mapsOf(await features());
        await networkDone();
        const geometry = itemAt(geometries, 0);
        const wanted = { ...keep, labels: labelsToScore(keep) };
        const candidates = await inSlices(denseCandidates(anchors, scores, deltas, geometry.resized, wanted, 0), pause);
        found.push({ candidates, view: { ...geometry, flipped } });
      }
      return singleStageOf(joinedCandidates(found), undefined, keep);
    },
  };
}
