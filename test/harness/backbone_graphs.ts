import type { Backbone, ClassifierBackbone } from '../../src/backbones/index.ts';
import { type Graph, map, recordPart, type Scope, type Value } from '../../src/nn/index.ts';

/** Records a backbone by itself, with its keys at the root. */
function graphOf(
  { imageChannels = 3 }: Backbone,
  forward: (scope: Scope, image: Value) => Record<string, Value>,
): Graph {
  return recordPart({
    name: 'backbone',
    inputs: { image: map(imageChannels) },
    forward: (scope, { image }) => forward(scope, image!),
  });
}

const stages = (pyramid: readonly Value[]) => Object.fromEntries(pyramid.map((x, i) => [`stage${i}`, x]));

/** The graph of the pyramid, with the outputs `stage0` and on. */
export const pyramidGraph = (backbone: Backbone): Graph =>
  graphOf(backbone, (scope, image) => stages(backbone.forward(scope, image)));

/** The graph of the classifier, with the outputs `logits`, `stage0` and on. */
export const classifierGraph = (backbone: ClassifierBackbone, classes: number): Graph =>
  graphOf(backbone, (scope, image) => {
    const { logits, pyramid } = backbone.classify(scope, image, classes);
    return { logits, ...stages(pyramid) };
  });
