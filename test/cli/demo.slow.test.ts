import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeImage } from 'moganet';
import { otherClasses } from '../../src/cli/model.ts';
import { moganet, startMoganet, useFolder, writeImage } from '../harness/command_line.ts';
import { smallDetection, writeSmallModel } from '../harness/small_model.ts';

describe('the demo', () => {
  const cwd = useFolder();

  it('draws both overlays of every shipped image, replaces them, and suggests the next step', async () => {
    const images = ['facade-balconies', 'street-corner', 'street-house'];
    const { code, stdout, stderr } = await moganet(['demo'], { cwd });
    expect(code).to.equal(0);
    expect(readdirSync(join(cwd, 'out')).sort()).to.deep.equal(
      images.flatMap((image) => [`${image}.detections.png`, `${image}.segmentation.png`]),
    );
    for (const image of images) expect(stdout).to.match(new RegExp(`/${image}\\.jpg: \\d+ window, .*facade \\d+ %`));
    const overlay = await decodeImage(readFileSync(join(cwd, 'out/street-house.detections.png')));
    expect([overlay.width, overlay.height]).to.deep.equal([768, 768]);
    expect(stderr).to.include(otherClasses('npm run -s moganet --'));
    expect((await moganet(['demo', '--quiet'], { cwd })).code).to.equal(0);
  });
});

describe('without onnxruntime', () => {
  const cwd = useFolder();
  const imports = [new URL('../harness/without_onnxruntime.mjs', import.meta.url).href];

  before(async () => {
    await writeSmallModel(join(cwd, 'small.safetensors'), smallDetection);
    writeImage(join(cwd, 'a.png'), 1);
  });

  it('runs on wasm, and the first line tells how to install it', async () => {
    const { code, stderr } = await startMoganet(['detect', 'a.png', '--model', 'small.safetensors'], { cwd, imports });
    expect(code).to.equal(0);
    expect(stderr.split('\n')[0]).to.match(
      /on wasm \(1 thread, SIMD; onnxruntime-node is not installed.*npm install onnxruntime-node --ignore-scripts.*npm install onnxruntime-web\): small_detection finds left, right$/,
    );
  });

  it('refuses it if it is asked for by name', async () => {
    const words = ['detect', 'a.png', '--model', 'small.safetensors', '--engine', 'onnxruntime', '--out', 'other'];
    const { code, stderr } = await startMoganet(words, { cwd, imports });
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^error: onnxruntime-node is not installed.*npm install onnxruntime-node --ignore-scripts.*"wasm"\.\n$/,
    );
  });
});
