import type { Named, NDArray } from '../../../src/arrays.ts';
import type { Geometry } from '../../../src/image/geometry.ts';
import { boxStages, readProposals } from '../../../src/models/rcnn.ts';
import { byName, readAll } from '../../../src/models/task.ts';
import type { DeviceTensor } from '../../../src/nn/index.ts';
import { passes } from '../../../src/nn/optimise/index.ts';
import { anchorLevels } from '../../../src/postprocess/anchors.ts';
import { toNetwork } from '../../../src/postprocess/boxes.ts';
import { type Detections, refinedRegions } from '../../../src/postprocess/detections.ts';
import { type CompactMask, maskBitmap } from '../../../src/postprocess/masks.ts';
import { decodeBitmap, rleFromString } from '../../../src/postprocess/rle.ts';
import { sigmoid } from '../../../src/postprocess/scores.ts';
import { resizedLogits } from '../../../src/postprocess/segmentation.ts';
import { type GoldenCase, GoldenMismatch } from '../golden.ts';
import { onFeatures, taskOf } from '../tasks.ts';
import { boxOutputs, type LoadedModel, loadModel, maskOutputs, twoStageOf } from './loaded_model.ts';
import { joinRows, matchOrder, rowsInOrder } from './match_order.ts';
import { checkpointWeights, definitionOf, type ModelInput, modelInput } from './model_input.ts';
import type { EngineRunner } from './run_graph.ts';
import { expectListed } from './whole_models.ts';

/** Runs cases of kinds `detector` and `segmentor`: from images and a checkpoint file to boxes, masks and label maps. */

type Step = (golden: GoldenCase, model: LoadedModel, input: ModelInput, features: Named<DeviceTensor>) => Promise<void>;

/** Runs a case twice: as recorded, and optimised. */
const endToEnd =
  (expect: Step): EngineRunner =>
  async (golden, engine) => {
    const definition = definitionOf(golden);
    const weights = await checkpointWeights(golden, definition);
    const input = await modelInput(golden, definition);
    for (const chosen of [[], passes]) {
      const model = await loadModel(engine, definition, weights, chosen);
      try {
        const features = await model.run('features', { image: input.image });
        try {
          await expect(golden, model, input, features);
        } finally {
          for (const tensor of Object.values(features)) tensor.dispose();
        }
      } finally {
        model.dispose();
      }
    }
  };

export const runDetection = endToEnd(async (golden, model, { image, geometries }, features) => {
  const outputs: Record<string, NDArray> = { ...(await model.beside(image)), ...(await readAll(features)) };
  await expectSome(golden, outputs);
  if (twoStageOf(model.definition)) await expectRegions(golden, model, geometries, features, outputs);

  const task = taskOf(model.definition, 'detection');
  const results = await task.predict(onFeatures(features, geometries, model.run), {});
  for (const [i, { detections: found }] of results.entries()) {
    if (!found) continue;
    const names = { boxes: `boxes_img${i}`, scores: `scores_img${i}` };
    const order = await matchOrder(golden, names, found);
    outputs[names.boxes] = { shape: [order.length, 4], data: rowsInOrder(found.boxes, order) };
    outputs[names.scores] = { shape: [order.length], data: rowsInOrder(found.scores, order) };
    outputs[`labels_img${i}`] = {
      shape: [order.length],
      data: rowsInOrder(found.labels, order),
    } as unknown as NDArray; // integers, which are compared as such
    const probabilities = await maskProbabilities(model, features, found, geometries[i]!, i);
    if (probabilities) {
      outputs[`mask_prob_img${i}`] = { ...probabilities, data: rowsInOrder(probabilities.data, order) };
    }
    await expectSome(golden, outputs);
    expectMasks(golden, i, found, order);
  }
  await expectListed(golden, outputs);
});

/** Compares proposals, and the outputs of every stage's box head; adds them to `outputs`. */
async function expectRegions(
  golden: GoldenCase,
  model: LoadedModel,
  geometries: readonly Geometry[],
  features: Named<DeviceTensor>,
  outputs: Record<string, NDArray>,
): Promise<void> {
  const config = twoStageOf(model.definition)!;
  const { rpn } = config;
  let regions: Float32Array[] = [];
  const proposals = await readProposals(rpn, anchorLevels(rpn.anchors), features, geometries, () => undefined);
  for (const [i, found] of proposals.entries()) {
    const names = { boxes: `proposals_img${i}`, scores: `proposal_scores_img${i}` };
    const order = golden.tensors.has(names.boxes) ? await matchOrder(golden, names, found) : undefined;
    const boxes = order ? rowsInOrder(found.boxes, order) : found.boxes;
    const scores = order ? rowsInOrder(found.scores, order) : found.scores;
    outputs[names.boxes] = { shape: [scores.length, 4], data: boxes };
    outputs[names.scores] = { shape: [scores.length], data: scores };
    regions.push(boxes);
  }
  for (const [stage, { config: box }] of boxStages(config).entries()) {
    const rois = joinRows(regions.map(withImage));
    const found = await boxOutputs(model, features, rois, stage);
    const [scores, deltas] = [byName(found, 'cls_score'), byName(found, 'bbox_pred')];
    outputs[`rois_stage${stage}`] = rois;
    outputs[`cls_score_stage${stage}`] = scores;
    outputs[`bbox_pred_stage${stage}`] = deltas;
    await expectSome(golden, outputs);
    let row = 0;
    regions = regions.map((boxes, i) => {
      const count = boxes.length / 4;
      const rowsOf = (all: NDArray) => rows(all, row, count);
      const refined = refinedRegions(boxes, rowsOf(scores), rowsOf(deltas), box.deltas, geometries[i]!.resized);
      row += count;
      return refined;
    });
  }
}

function rows({ shape: [total = 0, ...rest], data }: NDArray, first: number, count: number): NDArray {
  const size = data.length / total;
  return { shape: [count, ...rest], data: data.subarray(first * size, (first + count) * size) };
}

/** Compares the outputs that exist so far, so that the first step that differs is named before the next one runs. */
const expectSome = (golden: GoldenCase, outputs: Named<NDArray>) =>
  expectListed(
    { ...golden, tensors: new Map([...golden.tensors].filter(([name]) => Object.hasOwn(outputs, name))) },
    outputs,
  );

function withImage(boxes: Float32Array, image: number): NDArray {
  const count = boxes.length / 4;
  const data = new Float32Array(5 * count);
  for (let i = 0; i < count; i++) data.set([image, ...boxes.subarray(4 * i, 4 * i + 4)], 5 * i);
  return { shape: [count, 5], data };
}

/**
 * Returns the probability maps of the predicted classes before they are pasted. A cascade takes the mean of its stages.
 */
async function maskProbabilities(
  model: LoadedModel,
  features: Named<DeviceTensor>,
  { boxes, labels }: Detections,
  { scaleX, scaleY }: Geometry,
  image: number,
): Promise<NDArray | undefined> {
  const mask = twoStageOf(model.definition)?.mask;
  if (!mask || labels.length === 0) return undefined;
  const stages = await maskOutputs(model, features, withImage(toNetwork(boxes, { x: scaleX, y: scaleY }), image));
  const [count = 0, classes = 0, height = 0, width = 0] = stages[0]!.shape;
  const plane = height * width;
  const data = new Float32Array(count * plane);
  for (let i = 0; i < count; i++) {
    const channel = mask.classAgnostic ? 0 : labels[i]!;
    for (const { data: logits } of stages) {
      for (let at = 0; at < plane; at++) {
        data[i * plane + at]! += sigmoid(logits[(i * classes + channel) * plane + at]!) / stages.length;
      }
    }
  }
  return { shape: [count, height, width], data };
}

/** Compares pasted masks. They may differ in as many pixels as the case calls uncertain. */
function expectMasks({ json }: GoldenCase, image: number, { masks }: Detections, order: Uint32Array): void {
  const { rle, uncertain_pixels } = json.results[image];
  if (!rle) return;
  if (!masks) throw new GoldenMismatch(`masks of image ${image}: the model gives none`);
  order.forEach((from, i) => {
    const { counts, size } = rle[i];
    const expected = decodeBitmap(rleFromString(counts, { height: size[0], width: size[1] }));
    const differing = differingPixels(maskBitmap(masks[from] as CompactMask), expected);
    if (differing > (uncertain_pixels?.[i] ?? 0)) {
      throw new GoldenMismatch(
        `mask ${i} of image ${image}: differs in ${differing} pixels, ${uncertain_pixels?.[i] ?? 0} are uncertain`,
      );
    }
  });
}

function differingPixels(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Math.max(actual.length, expected.length);
  let count = 0;
  for (let i = 0; i < actual.length; i++) if (actual[i] !== expected[i]) count++;
  return count;
}

export const runSegmentation = endToEnd(async (golden, model, { image, geometries }, features) => {
  const { config } = model.definition;
  const maps = await readAll(features);
  const logits = byName(maps, 'seg_logits');
  const outputs: Record<string, NDArray> = { ...(await model.beside(image)), ...maps, head_logits: logits };
  await expectSome(golden, outputs);
  const { alignCorners = false } = config.segmentation!.head;
  const resized = (sizes: (geometry: Geometry) => Parameters<typeof resizedLogits>[1]['steps']) =>
    joinRows(
      geometries.map((geometry, i) => {
        const { shape, data } = resizedLogits(logits, { steps: sizes(geometry), alignCorners }, i);
        return { shape: [1, ...shape], data };
      }),
    );
  outputs.logits_input = resized(({ padded }) => [{ size: padded }]);
  outputs.logits_ori = resized(({ padded, resized: crop, original }) => [{ size: padded, crop }, { size: original }]);
  const task = taskOf(model.definition, 'segmentation');
  const results = await task.predict(onFeatures(features, geometries, model.run), {});
  const labels = results.flatMap(({ segmentation }) => [...(segmentation?.labels ?? [])]);
  await expectLabels(golden, 'pred', labels);
  await expectListed({ ...golden, tensors: new Map([...golden.tensors].filter(([name]) => name !== 'pred')) }, outputs);
});

/** Compares a label map. It may differ in as many pixels as have two classes within 1e-4. */
async function expectLabels(golden: GoldenCase, name: string, actual: readonly number[]): Promise<void> {
  const spec = golden.tensors.get(name);
  if (!spec) return;
  const expected = (await golden.stored(name)).data;
  const step = spec.stored === 'strided' ? (spec.step ?? 1) : 1;
  const allowed = golden.json.pixels_with_margin_below_1e_4 ?? 0;
  let differing = actual.length === spec.shape.reduce((a, b) => a * b, 1) ? 0 : Number.POSITIVE_INFINITY;
  expected.forEach((label, i) => {
    if (Number(label) !== actual[i * step]) differing++;
  });
  if (differing > allowed) {
    throw new GoldenMismatch(`${name}: ${differing} pixels differ, ${allowed} are uncertain`);
  }
}
