import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NDArray, Size, Weights } from '../../../src/arrays.ts';
import { bytesSource } from '../../../src/formats/index.ts';
import { type Geometry, geometryOf } from '../../../src/image/geometry.ts';
import { batchInputs, prepareDetection, prepareSegmentation } from '../../../src/image/preprocess.ts';
import { openWeights } from '../../../src/loading/weights.ts';
import type { ModelConfig } from '../../../src/models/config.ts';
import { checkpointParameters, createModel, type ModelDefinition } from '../../../src/models/create.ts';
import { fromMm } from '../../../src/models/mm/index.ts';
import { decodeImage } from '../../../src/platform/node/files.ts';
import { expectTensor, type GoldenCase, GoldenMismatch, inputOf } from '../golden.ts';

/** What an end-to-end case starts from: the model of its dict, weights from its checkpoint, pictures or a formula. */

export function definitionOf({ json }: GoldenCase): ModelDefinition {
  const { kind, scale: edges, align_resize } = json.input;
  const scale = kind === 'image' ? (edges ?? align_resize) : undefined;
  const config = fromMm(json.config, { classes: json.classes, ...(scale && { scale }) });
  return createModel(withDivisor(config, json.input.divisor));
}

function withDivisor(config: ModelConfig, divisor: number | undefined): ModelConfig {
  if (divisor === undefined) return config;
  const { detection: detector, segmentation: segmentor } = config;
  return {
    ...config,
    ...(detector && { detection: { ...detector, input: { ...detector.input, divisor } } }),
    ...(segmentor && { segmentation: { ...segmentor, input: { ...segmentor.input, divisor } } }),
  };
}

/** Every tensor of the published checkpoint, the auxiliary head's too. */
export async function checkpointWeights({ folder, json }: GoldenCase, definition: ModelDefinition): Promise<Weights> {
  const source = bytesSource(readFileSync(join(folder, json.checkpoint)), json.checkpoint);
  const file = await openWeights(source, { model: { config: definition.config, definition } });
  return file.fill(checkpointParameters(definition));
}

export interface ModelInput {
  readonly image: NDArray;
  readonly geometries: readonly Geometry[];
}

/** Pictures go through the package's own decoder and pipeline, and what comes out is held to the case. */
export async function modelInput(golden: GoldenCase, { config }: ModelDefinition): Promise<ModelInput> {
  const { input, img_metas } = golden.json;
  const expected: Geometry[] = img_metas.map(geometryFrom);
  if (input.kind !== 'image') return { image: await inputOf(golden, 'input'), geometries: expected };

  const { detection: detector, segmentation: segmentor, image } = config;
  const { scale, divisor } = (detector ?? segmentor)!.input;
  const prepare = detector ? prepareDetection : prepareSegmentation;
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
