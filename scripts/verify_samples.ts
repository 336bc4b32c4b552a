import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NDArray } from '../src/arrays.ts';
import { writeSafetensors } from '../src/formats/index.ts';
import { configKey } from '../src/loading/recognise.ts';
import type { ModelConfig } from '../src/models/config.ts';
import { createModel, modelParameters } from '../src/models/create.ts';
import { inputOf, openCase, shippedGolden, toleranceOf } from '../test/harness/golden.ts';
import { seededWeight } from '../test/harness/seeded.ts';

/**
 * Makes the samples of `moganet verify` (samples/verify) from the goldens of PyTorch:
 *
 *     npx tsx scripts/verify_samples.ts
 */

const out = new URL('../samples/verify', import.meta.url).pathname;
const street = 'street-house';

mkdirSync(out, { recursive: true });
await writeNumbers();
writeImage();

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
