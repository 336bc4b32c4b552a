import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { moganet, useFolder } from '../harness/command_line.ts';
import { smallDetection, smallSegmentation, writeSmallModel } from '../harness/small_model.ts';

describe('export', () => {
  const cwd = useFolder();

  before(async () => {
    await writeSmallModel(join(cwd, 'detection.safetensors'), smallDetection);
    await writeSmallModel(join(cwd, 'segmentation.safetensors'), smallSegmentation);
  });

  it('writes a model as a folder with a description, and replaces files only with --overwrite', async () => {
    const { code, stdout } = await moganet(['export', 'detection.safetensors', '--sample'], { cwd });
    expect(code).to.equal(0);
    const files = ['features.onnx', 'box.onnx', 'mask.onnx', 'model.json', 'sample.safetensors'];
    const lines = stdout.trimEnd().split('\n');
    expect(lines.map((line) => line.replace(/: [\d.]+ [kM]B$/, ''))).to.deep.equal(
      files.map((file) => `small_detection-onnx/${file}`),
    );
    const text = readFileSync(join(cwd, 'small_detection-onnx/model.json'), 'utf8');
    const description = JSON.parse(text);
    expect(description.format).to.equal('moganet.onnx/2');
    expect(description.config.detection.classes).to.deep.equal(['left', 'right']);
    expect(text).to.include('"shape": ["batch", 3, "height", "width"]');
    const again = await moganet(['export', 'detection.safetensors'], { cwd });
    expect(again.code).to.equal(1);
    expect(again.stderr).to.match(/features\.onnx and 3 more exist already.*--overwrite/);
  });

  it('writes a model of one part, or a backbone, as the file that is named', async () => {
    const words = ['export', 'segmentation.safetensors', '--out', 'onnx/seg.onnx', '--optimise'];
    expect((await moganet(words, { cwd })).code).to.equal(0);
    expect(JSON.parse(readFileSync(join(cwd, 'onnx/seg.json'), 'utf8')).parts[0].file).to.equal('seg.onnx');
    const backbone = await moganet(['export', 'detection.safetensors', '--backbone', '--out', 'b.onnx'], { cwd });
    expect(backbone.code).to.equal(0);
    expect(existsSync(join(cwd, 'b.onnx'))).to.equal(true);
  });

  it('refuses one file for several parts', async () => {
    const { code, stderr } = await moganet(['export', 'detection.safetensors', '--out', 'one.onnx'], { cwd });
    expect(code).to.equal(2);
    expect(stderr).to.match(/^error: one\.onnx: .*features, box, mask.*folder.*--backbone/);
  });
});
