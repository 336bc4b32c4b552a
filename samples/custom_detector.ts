/** Adds a custom detector and a custom segmentation head through tables. Run: npx tsx samples/custom_detector.ts [image] */
import {
  createModel,
  initialWeights,
  loadModel,
  type ModelConfig,
  type Stage,
  type TaskInputs,
  type TaskOptions,
} from 'moganet';
import { writeSafetensors } from 'moganet/formats';
import { type Neck, necks } from 'moganet/heads';
import { conv2d, type DeviceTensor, F, type Scope, type Value } from 'moganet/nn';
import * as z from 'zod';

/** Checks the field `detection`. Every detector has classes (or a data set), a neck and an input. */
const peaksConfig = z.strictObject({
  type: z.literal('peaks'),
  classes: z.array(z.string()),
  neck: necks.fpn.config,
  input: z.strictObject({ scale: z.tuple([z.int(), z.int()]), divisor: z.int().default(32) }),
  score: z.number().default(0.3),
});

/** Finds peaks on the finest level. Each becomes a box of 2 × 2 cells. */
const makePeaks = (config: z.output<typeof peaksConfig>, neck: Neck, classes: number) => ({
  modules: ['neck', 'bbox_head'], // the first names of its keys
  forward: (scope: Scope, pyramid: readonly Value[]) => {
    const [finest] = neck.forward(scope.at('neck'), pyramid) as [Value];
    return { peaks: F.sigmoid(conv2d(scope.at('bbox_head').at('conv'), finest, classes, { kernel: 3 })) };
  },
  parts: [], // nothing runs on regions
  detect: async ({ features, geometries }: TaskInputs, { score = config.score, max = 100 }: TaskOptions) => {
    const { peaks } = (await features()) as { peaks: DeviceTensor };
    const { data, shape } = await peaks.read(); // (images, classes, height, width)
    const [, , height = 0, width = 0] = shape;
    const [{ stride }] = neck.stages as [Stage];
    const length = classes * height * width;
    return geometries.map(({ scaleX, scaleY }, image) => {
      const scores = data.subarray(image * length, (image + 1) * length);
      const found = [...scores.keys()].filter((i) => scores[i]! >= score);
      const best = found.sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, max);
      const boxes = best.flatMap((i) => {
        const [x, y] = [(i % width) * stride, (Math.floor(i / width) % height) * stride];
        return [x / scaleX, y / scaleY, (x + 2 * stride) / scaleX, (y + 2 * stride) / scaleY];
      });
      return {
        boxes: Float32Array.from(boxes),
        scores: Float32Array.from(best, (i) => scores[i]!),
        labels: Int32Array.from(best, (i) => Math.floor(i / (height * width))),
      };
    });
  },
});

/** A single 1×1 convolution on one level. */
const linearConfig = z.strictObject({ type: z.literal('linear_head'), level: z.int().default(0) });
const makeLinear = ({ level }: z.output<typeof linearConfig>, classes: number) => ({
  alignCorners: false,
  forward: (scope: Scope, pyramid: readonly Value[]) =>
    conv2d(scope.at('conv_seg'), pyramid[level]!, classes, { kernel: 1 }),
});

const tables = {
  detectors: { peaks: { config: peaksConfig, make: makePeaks } },
  segmentationHeads: { linear_head: { config: linearConfig, make: makeLinear } },
};
const image = process.argv[2] ?? new URL('images/street-house.jpg', import.meta.url);
const input: { scale: [number, number] } = { scale: [256, 256] };
const config: ModelConfig<typeof tables> = {
  backbone: { type: 'moganet', arch: 'xt' },
  detection: { type: 'peaks', classes: ['spot'], neck: { type: 'fpn', channels: 16, outs: 4 }, input },
  segmentation: { classes: ['dark', 'bright'], head: { type: 'linear_head' }, input },
};
const weights = await writeSafetensors(initialWeights(createModel(config, tables))).bytes(); // untrained
const model = await loadModel({ config, weights }, tables);
const result = await model.predict(image, { max: 3 });
for (const { name, score, box } of result) console.log(name, score.toFixed(2), box.map(Math.round).join(' '));
console.log(result.segmentation?.classes.join(', '));
await model.dispose();
