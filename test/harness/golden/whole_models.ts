import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Named, NDArray } from '../../../src/arrays.ts';
import { checkpointParameters, createModel } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import { boxStages } from '../../../src/models/rcnn.ts';
import { readAll } from '../../../src/models/task.ts';
import type { DeviceTensor } from '../../../src/nn/index.ts';
import { passes } from '../../../src/nn/optimise/index.ts';
import { type GoldenCase, GoldenMismatch, inputOf, weightsFor } from '../golden.ts';
import { inOurLayout, layoutsOf, weightsInOurLayout } from './backbone_kinds.ts';
import { expectSameKeys, type ModelKeyList } from './key_lists.ts';
import { boxOutputs, type LoadedModel, loadModel, maskOutputs, twoStageOf } from './loaded_model.ts';
import { type EngineRunner, expectMap } from './run_graph.ts';

/**
 * Runs cases of kinds `full` and `full_swap`: published models with seeded weights. The heads on regions run on the
 * case's `rois`.
 */
export const runWholeModel: EngineRunner = async (golden, engine) => {
  const { weights: seed, model_dict } = golden.json;
  const list: ModelKeyList = JSON.parse(readFileSync(join(golden.folder, seed.keys), 'utf8'));
  const dict = model_dict ?? list.official_model_dict ?? list.model_dict;
  const definition = createModel(fromMm(dict));
  const layouts = layoutsOf(definition);
  expectSameKeys(list.model, checkpointParameters(definition), inOurLayout(list.keys, layouts, 'backbone.'));
  const weights = weightsInOurLayout(weightsFor(list.keys, seed), layouts, 'backbone.');
  const image = await inputOf(golden, 'input');
  const rois = golden.tensors.has('rois') ? ((await golden.stored('rois')) as NDArray) : undefined;
  for (const chosen of [[], passes]) {
    const model = await loadModel(engine, definition, weights, chosen);
    try {
      await expectListed(golden, await listedOutputs(model, image, rois));
    } finally {
      model.dispose();
    }
  }
};

/** Returns everything that a case may list, by its names. */
async function listedOutputs(model: LoadedModel, image: NDArray, rois: NDArray | undefined): Promise<Named<NDArray>> {
  const { run, definition } = model;
  const beside = await model.beside(image);
  const features = await run('features', { image });
  try {
    const regional = rois && twoStageOf(definition) ? await regionalOutputs(model, features, rois) : {};
    const { seg_logits, ...maps } = await readAll(features);
    return { ...beside, ...maps, ...(seg_logits ? { head_logits: seg_logits } : {}), ...regional };
  } finally {
    for (const tensor of Object.values(features)) tensor.dispose();
  }
}

/** Runs every stage of a cascade on the same regions. The one stage of Mask R-CNN has no number. */
async function regionalOutputs(
  model: LoadedModel,
  features: Named<DeviceTensor>,
  rois: NDArray,
): Promise<Named<NDArray>> {
  const config = twoStageOf(model.definition)!;
  const cascade = config.type === 'cascade_mask_rcnn';
  const outputs: Record<string, NDArray> = {};
  const add = (name: string, stage: number, value: NDArray) => {
    outputs[cascade ? `${name}_stage${stage}` : name] = value;
  };
  const masks = await maskOutputs(model, features, rois);
  for (const stage of boxStages(config).keys()) {
    for (const [name, value] of Object.entries(await boxOutputs(model, features, rois, stage))) add(name, stage, value);
    if (masks[stage]) add('mask_logits', stage, masks[stage]);
  }
  return outputs;
}

/** Compares outputs in the case's order, that of the forward pass, so that the first that differs is named. */
export async function expectListed(golden: GoldenCase, outputs: Named<NDArray>): Promise<void> {
  for (const { name, role } of golden.tensors.values()) {
    if (role === 'input') continue;
    const actual = outputs[name];
    if (!actual) throw new GoldenMismatch(`${name}: the model gives no such tensor`);
    await expectMap(golden, name, actual);
  }
}
