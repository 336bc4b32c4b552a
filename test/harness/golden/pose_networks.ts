import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { heatmapHead } from '../../../heads/heatmap.ts';
import type { NDArray, Size, Weights } from '../../../src/arrays.ts';
import { bytesSource } from '../../../src/formats/index.ts';
import { mirroredInputs } from '../../../src/image/preprocess.ts';
import { computesAs } from '../../../src/loading/recognise.ts';
import { openWeights } from '../../../src/loading/weights.ts';
import { checkpointParameters, createModel, type ModelDefinition } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import { poseHeadFromMm } from '../../../src/models/mm/pose.ts';
import { byName } from '../../../src/models/task.ts';
import { map, type Part, shapesOf, type Value } from '../../../src/nn/index.ts';
import { passes } from '../../../src/nn/optimise/index.ts';
import { decodeImage } from '../../../src/platform/node/files.ts';
import { mergeFlipped } from '../../../src/postprocess/heatmap_flip.ts';
import { decodeHeatmaps, type HeatmapPlaces } from '../../../src/postprocess/keypoints.ts';
import { mmposeFlops, modelCost } from '../../../src/zoo/counting.ts';
import { findEntry } from '../../../src/zoo/index.ts';
import { prepareCrops } from '../at_once.ts';
import { type GoldenCase, GoldenMismatch, inputOf, weightsFor } from '../golden.ts';
import { inOurLayout, layoutsOf, weightsInOurLayout } from './backbone_kinds.ts';
import { expectModelKeys, expectSameKeys, type KeyEntry, type ModelKeyList } from './key_lists.ts';
import { loadModel } from './loaded_model.ts';
import { type EngineRunner, expectMap, expectPart, readOnce } from './run_graph.ts';

/** The networks of top-down pose models: their keys and counts, the head alone, and whole models up to the heatmaps. */

/** A key list of a pose model, as in `pose/keys`. */
export interface PoseKeyList extends ModelKeyList {
  readonly kind: 'pose_keys';
  readonly image_size_wh: readonly [number, number];
  readonly heatmap_size_wh: readonly [number, number];
  readonly published: {
    readonly params_M: number;
    readonly flops_G: number;
    readonly AP: number;
    readonly weights: string;
  };
}

const keypoints = { dataset: 'coco_keypoints' } as const;

/** Compares the model of the official dict, and the entry of the zoo, with everything that the list says. */
export function expectPoseKeys(list: PoseKeyList): void {
  const [width, height] = list.image_size_wh;
  const config = fromMm(list.official_model_dict, { ...keypoints, scale: [width, height], name: list.model });
  const definition = createModel(config);
  expectModelKeys(list, definition);
  const { heatmaps } = shapesOfOutputs(definition, { height, width });
  expectText('heatmaps', `${heatmaps?.width},${heatmaps?.height}`, list.heatmap_size_wh.join());

  const entry = findEntry(list.model);
  if (!computesAs(createModel(entry.config), definition)) {
    throw new GoldenMismatch(`${list.model}: the entry of the zoo does not compute the same as the official dict`);
  }
  expectText('input', JSON.stringify(createModel(entry.config).config.pose), JSON.stringify(definition.config.pose));
  const { published, weights } = entry;
  expectText('weights', weights?.url, list.published.weights);
  expectText('AP', published?.scores?.['keypoint AP'], list.published.AP);
  expectText('published parameters', published?.params, list.published.params_M);
  expectText('published FLOPs', published?.flops, list.published.flops_G);
  const flops = mmposeFlops(modelCost(definition, { height, width }), config.backbone.type) / 1e9;
  const isNear = Math.abs(flops - list.published.flops_G) < 0.1;
  if (isNear === (published?.note !== undefined)) {
    throw new GoldenMismatch(
      `FLOPs: ${flops} G, ${list.published.flops_G} published: a note must say it if they differ`,
    );
  }
}

function shapesOfOutputs({ parts }: ModelDefinition, { height, width }: { height: number; width: number }) {
  const { graph } = parts.features!;
  const shapes = shapesOf(graph, { image: { batch: 1, height, width } });
  return Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, shapes[id]]));
}

function expectText(what: string, found: unknown, expected: unknown): void {
  if (found !== expected) throw new GoldenMismatch(`${what}: ${found}, expected ${expected}`);
}

/** Kind `pose_head`: the head by itself, its keys at the root. Only the level that it reads is there. */
export const runPoseHead: EngineRunner = async (golden, engine) => {
  const { config, weights } = golden.json;
  const feat3 = await inputOf(golden, 'feat3');
  const { head, maps } = poseHeadFromMm(config);
  const { forward } = heatmapHead({ ...head, level: undefined }, maps, [{ channels: feat3.shape[1]!, stride: 32 }]);
  const part: Part = {
    name: config.type,
    inputs: { feat3: map(feat3.shape[1]!) },
    forward: (scope, values): { heatmaps: Value } => ({ heatmaps: forward(scope, [values.feat3!]) }),
  };
  const inputs = { feat3 };
  await expectPart(
    golden,
    engine,
    { part, weights: weightsFor(weights.keys, weights), inputs },
    new Map([['heatmaps', 'heatmaps']]),
  );
};

/** Kind `pose_model`: from the input, or an image and boxes, to keypoints, as recorded and optimised. */
export const runPoseModel: EngineRunner = async (golden, engine) => {
  const { definition, weights } = golden.json.checkpoint ? await checkpointModel(golden) : seededModel(golden);
  const { image, places } = golden.json.checkpoint ? await cropsOf(golden, definition) : await placedInput(golden);
  for (const chosen of [[], passes]) {
    const model = await loadModel(engine, definition, weights, chosen);
    try {
      const heatmapsOf = async (input: NDArray) =>
        byName(await readOnce(await model.run('features', { image: input })), 'heatmaps');
      const heatmaps = await heatmapsOf(image);
      const outputs: Record<string, NDArray> = { input: image, ...(await model.beside(image)), heatmaps };
      const mirrored = await heatmapsOf(mirroredInputs(image, new Array(image.shape[0]).fill(sizeOfMap(image))));
      const flipPairs: [number, number][] = golden.json.flip_pairs;
      outputs.heatmaps_flip = mergeFlipped(heatmaps, mirrored, { flipPairs });
      outputs.heatmaps_flip_shift = mergeFlipped(heatmaps, mirrored, { flipPairs, shift: true });
      for (const form of ['', '_flip', '_flip_shift']) {
        const maps = outputs[`heatmaps${form}`]!;
        const { points, scores } = decodeHeatmaps(maps, places, { decode: 'quarter' });
        const [count = 0, joints = 0] = maps.shape;
        outputs[`keypoints${form}`] = { shape: [count, joints, 2], data: points };
        outputs[`scores${form}`] = { shape: [count, joints], data: scores };
      }
      for (const name of golden.tensors.keys())
        if (name !== 'boxes') await expectMap(golden, name, byName(outputs, name));
    } finally {
      model.dispose();
    }
  }
};

const sizeOfMap = ({ shape: [, , height = 0, width = 0] }: NDArray): Size => ({ height, width });

interface SeededModel {
  readonly definition: ModelDefinition;
  readonly weights: Weights;
}

function seededModel({ folder, json, name }: GoldenCase): SeededModel {
  const list: { readonly keys: readonly KeyEntry[]; readonly official_model_dict?: unknown } =
    typeof json.weights.keys === 'string'
      ? JSON.parse(readFileSync(join(folder, json.weights.keys), 'utf8'))
      : json.weights;
  const definition = createModel(fromMm(json.config ?? list.official_model_dict, keypoints));
  const layouts = layoutsOf(definition);
  expectSameKeys(name, checkpointParameters(definition), inOurLayout(list.keys, layouts, 'backbone.'));
  return { definition, weights: weightsInOurLayout(weightsFor(list.keys, json.weights), layouts, 'backbone.') };
}

/** The file says its model: the network of the case's dict, on crops as the case has them. */
async function checkpointModel({ folder, json }: GoldenCase): Promise<SeededModel> {
  const file = await openWeights(bytesSource(readFileSync(join(folder, json.checkpoint)), json.checkpoint));
  const { input, config } = json;
  const [width, height] = input.image_size_wh;
  const expected = createModel(fromMm(config, { ...keypoints, scale: [width, height] })).config;
  expectText('configuration', JSON.stringify(file.definition.config), JSON.stringify(expected));
  expectText('padding', file.definition.config.pose?.input.padding, input.padding);
  expectText('keys', file.entries.size, json.keys_count);
  return { definition: file.definition, weights: await file.fill(checkpointParameters(file.definition)) };
}

interface PlacedInput {
  readonly image: NDArray;
  readonly places: HeatmapPlaces;
}

async function placedInput(golden: GoldenCase): Promise<PlacedInput> {
  const metas: readonly { center: [number, number]; scale: [number, number] }[] = golden.json.img_metas;
  const places = {
    centers: Float32Array.from(metas.flatMap(({ center }) => center)),
    scales: Float32Array.from(metas.flatMap(({ scale }) => scale)),
  };
  return { image: await inputOf(golden, 'input'), places };
}

async function cropsOf(
  { folder, json }: GoldenCase,
  { config: { pose, image } }: ModelDefinition,
): Promise<PlacedInput> {
  const { file, boxes_xywh_score } = json.input;
  const raster = await decodeImage(readFileSync(join(folder, file)), { name: file });
  const boxes: number[] = boxes_xywh_score.flatMap((box: number[]) => box.slice(0, 4));
  const { input, ...places } = prepareCrops(raster, boxes, { ...image, ...pose!.input });
  return { image: input, places };
}
