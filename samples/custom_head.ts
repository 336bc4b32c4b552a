/**
 * Joins a custom backbone and a custom head: the model finds the brightest spot of an image.
 * Run: npx tsx samples/custom_head.ts [image]
 */
import {
  type Backbone,
  createModel,
  type Head,
  loadModel,
  type ModelConfig,
  modelParameters,
  type Stage,
} from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { conv2d, F, type Value } from 'moganet/nn';

/** Four convolutions of stride 2. `scope.at(name)` is a path in the checkpoint. A graph fits images of any size. */
const plain = (): Backbone => ({
  stages: [2, 4, 8, 16].map((stride) => ({ channels: 8, stride })),
  forward: (scope, image) => {
    const pyramid: Value[] = [];
    let x = image;
    for (let i = 0; i < 4; i++) {
      x = conv2d(scope.at(i), x, 8, { kernel: 2, stride: 2, padding: 0 });
      pyramid.push(x);
    }
    return pyramid;
  },
});

/** Scores the coarsest level from 0 to 1. The best cell becomes a box in pixels of the original image. */
const brightest = (_: unknown, stages: readonly Stage[]): Head<'score'> => ({
  forward: (scope, pyramid) => ({ score: F.sigmoid(conv2d(scope.at('score'), pyramid.at(-1)!, 1, { kernel: 1 })) }),
  decode: ({ score }, { scaleX, scaleY }) => {
    const [, , , width = 1] = score.shape; // (images, 1, height, width)
    const peak = Math.max(...score.data);
    const best = score.data.indexOf(peak);
    const [x, y] = [best % width, Math.floor(best / width)];
    const corners = [x / scaleX, y / scaleY, (x + 1) / scaleX, (y + 1) / scaleY];
    const boxes = Float32Array.from(corners, (corner) => corner * stages.at(-1)!.stride);
    return { boxes, scores: Float32Array.of(peak), labels: Int32Array.of(0), classes: ['brightest'] };
  },
});

const image = process.argv[2] ?? new URL('images/street-corner.jpg', import.meta.url);
const tables = { backbones: { plain }, heads: { brightest } };
const config = { backbone: { type: 'plain' }, head: { type: 'brightest' } } satisfies ModelConfig<typeof tables>;
const averages = modelParameters(createModel(config, tables)).map(({ key, shape }) => {
  const [outputs = 0, ...others] = shape;
  const inputs = others.reduce((product, extent) => product * extent, 1);
  return [key, { shape, data: new Float32Array(outputs * inputs).fill(shape.length > 1 ? 1 / inputs : 0) }] as const;
});
const model = await loadModel({ config, weights: await writeSafetensors(new Map(averages)).bytes() }, tables);
const result = await model.predict(image);
for (const { name, score, box } of result) console.log(name, score.toFixed(2), box.map(Math.round).join(' '));
await model.dispose();
