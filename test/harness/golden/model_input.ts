import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NDArray, Size, Weights } from '../../../src/arrays.ts';
import { bytesSource } from '../../../src/formats/index.ts';
import { type Geometry, geometryOf } from '../../../src/image/geometry.ts';
import { openWeights } from '../../../src/loading/weights.ts';
import type { ModelConfig } from '../../../src/models/config.ts';
import { checkpointParameters, createModel, type ModelDefinition } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import { decodeImage } from '../../../src/platform/node/files.ts';
import { batchInputs, prepareDetection, prepareSegmentation } from '../at_once.ts';
import { expectTensor, type GoldenCase, GoldenMismatch, inputOf } from '../golden.ts';

/** The start of an end-to-end case: the model of its dict, the weights of its checkpoint, and images or a formula. */

export function definitionOf({ json }: GoldenCase): ModelDefinition {
  const { kind, scale: edges, align_resize } = json.input;
  const scale = kind === 'image' ? (edges ?? align_resize) : undefined;
  const config = fromMm(json.config, { classes: json.classes, scale });
  return createModel(withDivisor(config, json.input.divisor));
}

function withDivisor(config: ModelConfig, divisor: number | undefined): ModelConfig {
  if (divisor === undefined) return config;
  const { detection, segmentation } = config;
  return {
    ...config,
    detection: detection && { ...detection, input: { ...detection.input, divisor } },
    segmentation: segmentation && { ...segmentation, input: { ...segmentation.input, divisor } },
  };
}

/** Returns every tensor of the published checkpoint, including the auxiliary head's. */
export async function checkpointWeights({ folder, json }: GoldenCase, definition: ModelDefinition): Promise<Weights> {
  const source = bytesSource(readFileSync(join(folder, json.checkpoint)), json.checkpoint);
  const file = await openWeights(source, { model: { config: definition.config, definition } });
  return file.fill(checkpointParameters(definition));
}

export interface ModelInput {
  readonly image: NDArray;
  readonly geometries: readonly Geometry[];
}

/** Returns the input. Images go through the package's decoder and pipeline, whose result is compared with the case. */
export async function modelInput(golden: GoldenCase, { config }: ModelDefinition): Promise<ModelInput> {
  const { input, img_metas } = golden.json;
  const expected: Geometry[] = img_metas.map(geometryFrom);
  if (input.kind !== 'image') return { image: await inputOf(golden, 'input'), geometries: expected };

  const { detection, segmentation, image } = config;
  const { scale, divisor } = (detection ?? segmentation)!.input;
  const prepare = detection ? prepareDetection : prepareSegmentation;
  const rasters = await Promise.all(
    input.files.map((file: string) => decodeImage(readFileSync(join(golden.folder, file)), { name: file })),
  );
  const prepared = rasters.map((raster) => prepare(raster, { ...image, scale, divisor }));
  const batch = batchInputs(prepared.map((one) => one.input));
  const geometries = prepared.map(({ geometry }) => ({ ...geometry, padded: batch.padded }));
  geometries.forEach((geometry, i) => {
    if (JSON.stringify(geometry) !== JSON.stringify(expected[i])) {
      const text = JSON.stringify({ found: geometry, expected: expected[i] });
      throw new GoldenMismatch(`img_metas ${i}: ${text}`);
    }
  });
  if (golden.tensors.has('input')) await expectTensor(golden, 'input', batch.input);
  return { image: batch.input, geometries };
}

type Pair = readonly [height: number, width: number];
const size = ([height, width]: Pair): Size => ({ height, width });

// biome-ignore lint/suspicious/noExplicitAny: JSON
function geometryFrom({ ori_shape, img_shape, pad_shape, batch_input_shape }: any): Geometry {
  return geometryOf(size(ori_shape), size(img_shape), size(batch_input_shape ?? pad_shape));
}
