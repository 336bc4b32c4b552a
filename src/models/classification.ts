import { type NDArray, type Size, scaledEdge } from '../arrays.ts';
import type { Backbone, ClassifierBackbone } from '../backbones/index.ts';
import { datasetOf } from '../datasets/index.ts';
import { ConfigError } from '../errors.ts';
import { batchInputs, prepareClassification } from '../image/preprocess.ts';
import { bestOf, softmaxRows } from '../postprocess/scores.ts';
import type { ClassificationConfig, ImageConfig } from './config.ts';
import { byName, type Classification, checkEdges, type ImageTask } from './task.ts';

/**
 * Classifies images with the head that the backbone was published with. The input is a square crop from the middle.
 *
 * @throws ConfigError if the backbone has no classifier
 */
export function classificationTask(
  config: ClassificationConfig,
  image: ImageConfig,
  backbone: Backbone,
  type: string,
): ImageTask {
  const dataset = datasetOf(config);
  const count = dataset.classes.length;
  if (!classifies(backbone)) throw new ConfigError(`the backbone "${type}" has no classifier.`);
  return {
    kind: 'classification',
    dataset,
    modules: [],
    forward: () => ({}),
    onImage: (scope, x) => {
      const { pyramid, logits } = backbone.classify(scope, x, count);
      return { pyramid, outputs: { logits } };
    },
    parts: [],
    prepare: function* (images, size, scale = 1) {
      const crop = { ...config.input, size: scaledEdge(size ? edgeOf(size) : config.input.size, scale) };
      checkEdges([crop.size]);
      const crops: NDArray[] = [];
      for (const raster of images) crops.push(yield* prepareClassification(raster, { ...image, ...crop }));
      return { image: (yield* batchInputs(crops)).input, geometries: [] };
    },
    check: ({ scales = [1] }) => {
      if (scales.length === 1) return;
      throw new ConfigError(
        'classification sees a crop of one size, so several `scales` cannot be used. One can, and `flip`.',
      );
    },
    predict: async ({ features }, { top = 5 }) => {
      const { data, shape } = await byName(await features(), 'logits').read(); // (images, classes, 1, 1)
      return Array.from({ length: shape[0] ?? 0 }, (_, i) => ({
        classification: { ...topClasses(data.subarray(i * count, (i + 1) * count), top), dataset },
      }));
    },
    predictViews: async (views, { top = 5 }) => {
      const mean = new Float64Array(count);
      for (const { features, networkDone } of views) {
        const { data } = await byName(await features(), 'logits').read();
        await networkDone();
        for (const [label, probability] of softmaxRows(data, count).entries())
          mean[label]! += probability / views.length;
      }
      const best = bestOf(Math.min(top, count), Number.NEGATIVE_INFINITY);
      for (const [label, score] of mean.entries()) best.offer(score, label);
      const { values, indices } = best.take();
      return { classification: { labels: Int32Array.from(indices), scores: values, dataset } };
    },
  };
}

const classifies = (backbone: Backbone): backbone is ClassifierBackbone => 'classify' in backbone;

/** Returns the edge of a square. @throws ConfigError if the size is not a square */
function edgeOf({ height, width }: Size): number {
  if (height === width) return height;
  throw new ConfigError(`classification takes square images, got ${height}×${width}. Give \`size\` equal edges.`);
}

/** Returns the softmax and its `top` largest values (all if there are fewer). Equal scores keep the lower index. */
export function topClasses(logits: Float32Array, top: number): Classification {
  const best = bestOf(Math.min(top, logits.length), Number.NEGATIVE_INFINITY);
  for (const [label, logit] of logits.entries()) best.offer(logit, label);
  const { values, indices } = best.take();
  const peak = values[0] ?? 0; // subtracted, so that no exponential overflows
  const sum = logits.reduce((total, logit) => total + Math.exp(logit - peak), 0);
  return {
    labels: Int32Array.from(indices),
    scores: values.map((logit) => Math.exp(logit - peak) / sum),
  };
}
