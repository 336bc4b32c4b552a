import { createModel, type ModelDefinition } from '../../../src/models/create.ts';
import type { RunPart } from '../../../src/models/detector.ts';
import { runOnRegions } from '../../../src/models/rcnn.ts';
import type { Named, NDArray, Weights } from '../../../src/ndarray.ts';
import {
  type Engine,
  type Part,
  type Pass,
  programOf,
  type Resident,
  type Runner,
  recordPart,
  withTaps,
} from '../../../src/nn/index.ts';
import { readAll } from './run_graph.ts';

/** A whole model on an engine, with what inference does not need: the bare pyramid, the auxiliary head, taps. */
export interface LoadedModel {
  readonly definition: ModelDefinition;
  readonly run: RunPart;
  /** `stage0` … and, where the model has an auxiliary head, `aux_logits`. */
  beside(image: NDArray): Promise<Named<NDArray>>;
  dispose(): void;
}

const boxInput = 'roi_head.bbox_head:in';

export async function loadModel(
  engine: Engine,
  definition: ModelDefinition,
  weights: Weights,
  passes: readonly Pass[],
): Promise<LoadedModel> {
  const runners = new Map<string, Runner>();
  const load = async (part: Part, values: Weights, taps: readonly string[] = []) => {
    const graph = withTaps(recordPart(part), taps);
    runners.set(part.name, await engine.load(programOf(part.name, graph, values, passes)));
  };
  const dispose = () => {
    for (const runner of runners.values()) runner.dispose();
  };
  try {
    for (const part of Object.values(definition.parts)) {
      await load(part, weights, part.name === 'box' ? [boxInput] : []);
    }
    // the trunk by itself has its keys at the root
    const trunk = createModel({ backbone: definition.config.backbone }).parts.features!;
    await load({ ...trunk, name: 'trunk' }, withoutPrefix(weights, 'backbone.'));
    if (definition.auxiliary) await load(definition.auxiliary, weights);
  } catch (error) {
    dispose();
    throw error;
  }
  return {
    definition,
    run: (part, inputs) => runners.get(part)!.run(inputs),
    beside: async (image) => {
      const stages = await readAll(await runners.get('trunk')!.run({ image }));
      const auxiliary = runners.get('auxiliary');
      return { ...stages, ...(auxiliary && (await readAll(await auxiliary.run(stages)))) };
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
 * The box head on regions of several images: `roi_feats`, `cls_score`, `bbox_pred`, in the order of the regions.
 *
 * @param rois n × (image, x1, y1, x2, y2)
 */
export async function boxOutputs(
  model: LoadedModel,
  features: Named<Resident>,
  rois: NDArray,
): Promise<Named<NDArray>> {
  const { region } = model.definition.config.detector!.box;
  const outputs = await perImage(rois, (boxes, image) =>
    runOnRegions('box', region, boxes, image, features, model.run),
  );
  const { [boxInput]: pooled, ...rest } = outputs;
  return { ...rest, ...(pooled && { [`roi_feats${region.size}`]: pooled }) };
}

/** The mask head's logits on such regions: `mask_logits`. */
export async function maskOutputs(
  model: LoadedModel,
  features: Named<Resident>,
  rois: NDArray,
): Promise<Named<NDArray>> {
  const { mask } = model.definition.config.detector!;
  if (!mask) return {};
  return perImage(rois, (boxes, image) => runOnRegions('mask', mask.region, boxes, image, features, model.run));
}

/** Calls with the boxes of one image after the other and lays the rows back where their regions were. */
async function perImage(
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
