import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { decodeImage, loadModel, poseDatasetOf } from 'moganet';
import { decodeHeatmaps } from 'moganet/postprocess';
import { pythonWith } from '../bench/peers.ts';
import type { NDArray } from '../src/arrays.ts';
import { writeSafetensors } from '../src/formats/index.ts';
import { prepareCrops } from '../src/image/affine.ts';
import { configKey } from '../src/loading/recognise.ts';
import type { ModelConfig } from '../src/models/config.ts';
import { createModel, modelParameters } from '../src/models/create.ts';
import { atOnce } from '../src/slices.ts';
import { inputOf, openCase, shippedGolden, toleranceOf } from '../test/harness/golden.ts';
import { seededWeight } from '../test/harness/seeded.ts';

/**
 * Makes the samples of `moganet verify` (samples/verify) from the goldens of PyTorch, and from PyTorch itself, which
 * `MOGANET_PYTHON` needs:
 *
 *     npx tsx scripts/verify_samples.ts
 */

const out = new URL('../samples/verify', import.meta.url).pathname;
const street = 'street-house';

mkdirSync(out, { recursive: true });
await writeNumbers();
writeImage();
await writePoses();

/** Writes a MogaNet classifier of a few channels: weights, an input, and every stage's map in double precision. */
async function writeNumbers(): Promise<void> {
  const golden = await openCase(shippedGolden, 'moganet_pico_32x48');
  const { embed_dims: dims, depths, ffn_ratios: ratios } = golden.json.model.arch;
  const config: ModelConfig = {
    name: 'moganet_pico',
    backbone: { type: 'moganet', arch: { dims, depths, ratios } },
    classification: { classes: golden.json.model.kwargs.num_classes },
  };
  const { salt } = golden.json.weights;
  const tensors = new Map<string, NDArray>();
  for (const { key, shape, kind } of modelParameters(createModel(config))) {
    if (kind !== 'ignored') tensors.set(key, seededWeight(key, shape, { salt }));
  }
  tensors.set('verify.image', await inputOf(golden, 'input'));
  const tolerances: Record<string, number> = {};
  for (const [name, spec] of golden.tensors) {
    const output = name === 'logits' ? name : `stage${Number(name.slice('stage'.length)) - 1}`;
    const { data } = await golden.stored(name);
    tensors.set(`verify.${output}`, { shape: spec.shape, data: Float32Array.from(data, Number) });
    tolerances[output] = toleranceOf(spec);
  }
  const metadata = { [configKey]: JSON.stringify(config), 'moganet.tolerances': JSON.stringify(tolerances) };
  writeFileSync(join(out, 'moganet_pico.safetensors'), await writeSafetensors(tensors, metadata).bytes());
}

/**
 * Writes the demo model's results on an image: the label map, and boxes with a score of at least 0.29, as the tolerance
 * may lift some to 0.3.
 */
function writeImage(): void {
  const folder = join(shippedGolden, 'facade');
  const expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8')).images[`${street}.jpg`];
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  const detections = expected.detections
    .filter(({ score }: { score: number }) => score >= 0.29)
    .map(({ box, score, label }: { box: number[]; score: number; label: number }) => ({
      label,
      score: round(score),
      box: box.map(round),
    }));
  const lines = detections.map((detection: unknown) => `  ${JSON.stringify(detection)}`).join(',\n');
  const head = `"file": "${street}.jpg", "uncertainPixels": ${expected.uncertain_joint}`;
  writeFileSync(join(out, `${street}.json`), `{ ${head}, "detections": [\n${lines}\n] }\n`);
  copyFileSync(join(folder, `expected_joint_${street}.png`), join(out, `${street}.png`));
}

/** Writes the keypoints of the people of samples/poses, from heatmaps that PyTorch computes in double precision. */
async function writePoses(): Promise<void> {
  const python = await pythonWith(['torch', 'numpy']);
  if (!python) throw new Error('PyTorch was not found. Set MOGANET_PYTHON to a Python that has it.');
  const samples = new URL('../samples/poses/', import.meta.url).pathname;
  const [file, checkpoint] = ['stick-figures.png', join(samples, 'stick-figures.safetensors')];
  const { annotations } = JSON.parse(readFileSync(join(samples, 'annotations.json'), 'utf8'));
  const boxes: number[][] = annotations.map(({ bbox }: { bbox: number[] }) => bbox);
  await using model = await loadModel({ weights: checkpoint });
  const { pose, image } = model.config;
  if (!pose) throw new Error(`${checkpoint} is no pose model.`);
  const raster = await decodeImage(readFileSync(join(samples, file)));
  const { size, padding } = pose.input;
  const crops = atOnce(prepareCrops(raster, boxes.flat(), { ...image, size, padding }));
  const work = new URL('../out/verify/', import.meta.url).pathname;
  mkdirSync(work, { recursive: true });
  const [input, output] = [join(work, 'crops'), join(work, 'heatmaps')];
  writeFileSync(input, crops.input.data);
  execFileSync(python, [new URL('verify_poses.py', import.meta.url).pathname, checkpoint, input, output]);
  const data = new Float32Array(new Uint8Array(readFileSync(output)).buffer);
  const perPose = poseDatasetOf(pose).keypoints.names.length;
  const heatmaps = { shape: [boxes.length, perPose, size.height / 4, size.width / 4], data };
  const { points, scores } = decodeHeatmaps(heatmaps, crops, pose.test);
  const round = (value: number) => Math.round(value * 1e4) / 1e4;
  const poses = boxes.map(([x = 0, y = 0, width = 0, height = 0], i) => ({
    box: [x, y, x + width, y + height].map(round),
    points: [...points.subarray(2 * perPose * i, 2 * perPose * (i + 1))].map(round),
    scores: [...scores.subarray(perPose * i, perPose * (i + 1))].map(round),
  }));
  const lines = poses.map((one) => `  ${JSON.stringify(one)}`).join(',\n');
  writeFileSync(join(out, 'stick-figures.json'), `{ "file": "${file}", "poses": [\n${lines}\n] }\n`);
}
