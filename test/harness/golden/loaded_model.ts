import type { Named, NDArray, Weights } from '../../../src/arrays.ts';
import type { CascadeConfig, RcnnConfig } from '../../../src/models/config.ts';
import { createModel, type ModelDefinition } from '../../../src/models/create.ts';
import { boxStages, maskPaths, runOnRegions } from '../../../src/models/rcnn.ts';
import type { RunPart } from '../../../src/models/task.ts';
import {
  type DeviceTensor,
  type Engine,
  loadPart,
  type Pass,
  type RecordedPart,
  type Runner,
} from '../../../src/nn/index.ts';
import { readOnce } from './run_graph.ts';

/** A whole model on an engine, with what inference does not need: the bare pyramid, the auxiliary head and taps. */
export interface LoadedModel {
  readonly definition: ModelDefinition;
  readonly run: RunPart;
  /** Returns `stage0` …, and `aux_logits` if the model has an auxiliary head. */
  beside(image: NDArray): Promise<Named<NDArray>>;
  dispose(): void;
}

/** Returns the configuration of a detection in two stages, or undefined. */
export function twoStageOf({ config: { detection } }: ModelDefinition): RcnnConfig | CascadeConfig | undefined {
  return detection && 'rpn' in detection ? detection : undefined;
}

/** Returns the outputs to add to a part: their names, and the modules that give them. */
function tapsOf(definition: ModelDefinition, part: string): Named<string> {
  const config = twoStageOf(definition);
  const stage = config && boxStages(config).find((box) => box.part === part);
  if (stage) return { [`roi_feats${stage.config.region.size}`]: `roi_head.${stage.path}:in` };
  const { segmentation, detection } = definition.config;
  // a detection in two stages gives its pyramid anyway
  const neck = segmentation?.neck ?? (config ? undefined : detection?.neck);
  if (part !== 'features' || !neck) return {};
  return Object.fromEntries(Array.from({ length: neck.outs }, (_, i) => [`fpn${i}`, `neck.fpn_convs.${i}.conv`]));
}

export async function loadModel(
  engine: Engine,
  definition: ModelDefinition,
  weights: Weights,
  passes: readonly Pass[],
): Promise<LoadedModel> {
  const runners = new Map<string, Runner>();
  const load = async ({ name, graph }: RecordedPart, values: Weights, taps: Named<string> = {}) => {
    const added = Object.entries(taps).map(([tap, path]) => [tap, graph.taps[path]!] as const);
    const tapped = { ...graph, outputs: { ...graph.outputs, ...Object.fromEntries(added) } };
    runners.set(name, await loadPart(engine, { name, graph: tapped }, values, passes));
  };
  const runner = (name: string): Runner => {
    const found = runners.get(name);
    if (!found) throw new RangeError(`the model has no part "${name}"`);
    return found;
  };
  const dispose = () => {
    for (const loaded of runners.values()) loaded.dispose();
  };
  try {
    for (const part of Object.values(definition.parts)) await load(part, weights, tapsOf(definition, part.name));
    // a bare backbone has its keys at the root
    const bare = createModel({ backbone: definition.config.backbone });
    await load(bare.pyramid, withoutPrefix(weights, 'backbone.'));
    if (definition.auxiliary) await load(definition.auxiliary, weights);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    definition,
    run: (part, inputs) => runner(part).run(inputs),
    beside: async (image) => {
      const stages = await readOnce(await runner('backbone').run({ image }));
      const auxiliary = runners.get('auxiliary');
      return auxiliary ? { ...stages, ...(await readOnce(await auxiliary.run(stages))) } : stages;
    },
    dispose,
  };
}

function withoutPrefix(weights: Weights, prefix: string): Weights {
  return new Map(
    [...weights].flatMap(([key, value]) => (key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [])),
  );
}

/**
 * Runs a stage's box head on regions of several images. Returns `roi_feats…`, `cls_score` and `bbox_pred` in the order
 * of the regions.
 *
 * @param rois n × (image, x1, y1, x2, y2)
 */
export function boxOutputs(
  model: LoadedModel,
  features: Named<DeviceTensor>,
  rois: NDArray,
  stage: number,
): Promise<Named<NDArray>> {
  const { part, config } = boxStages(twoStageOf(model.definition)!)[stage]!;
  return perImage(rois, (boxes, image) => runOnRegions(part, config.region, boxes, image, features, model.run));
}

/** Returns the mask heads' logits on such regions, one map for each stage; none if the model has no masks. */
export async function maskOutputs(
  model: LoadedModel,
  features: Named<DeviceTensor>,
  rois: NDArray,
): Promise<NDArray[]> {
  const config = twoStageOf(model.definition)!;
  const { mask } = config;
  if (!mask) return [];
  const outputs = await perImage(rois, (boxes, image) =>
    runOnRegions('mask', mask.region, boxes, image, features, model.run),
  );
  return Object.keys(maskPaths(config)).map((output) => outputs[output]!);
}

/** Calls `run` with the boxes of one image after the other and returns the rows in the order of the regions. */
export async function perImage(
  { data }: NDArray,
  run: (boxes: Float32Array, image: number) => Promise<Named<NDArray>>,
): Promise<Named<NDArray>> {
  const count = data.length / 5;
  const images = Uint32Array.from({ length: count }, (_, i) => data[5 * i]!);
  const results: Record<string, { shape: readonly number[]; data: Float32Array }> = {};
  for (const image of new Set(images)) {
    const rows = [...images.keys()].filter((i) => images[i] === image);
    const boxes = Float32Array.from(rows.flatMap((i) => [...data.subarray(5 * i + 1, 5 * i + 5)]));
    for (const [name, part] of Object.entries(await run(boxes, image))) {
      const size = part.data.length / rows.length;
      results[name] ??= { shape: [count, ...part.shape.slice(1)], data: new Float32Array(count * size) };
      const whole = results[name];
      rows.forEach((row, i) => {
        whole.data.set(part.data.subarray(i * size, (i + 1) * size), row * size);
      });
    }
  }
  return results;
}
