import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { moganet, useFolder, writeImage } from '../harness/command_line.ts';
import { smallDetection, smallSegmentation, writeSmallModel } from '../harness/small_model.ts';

describe('config and convert', () => {
  const cwd = useFolder();

  before(async () => {
    await writeSmallModel(join(cwd, 'detection.safetensors'), smallDetection);
    await writeSmallModel(join(cwd, 'segmentation.safetensors'), smallSegmentation);
    await writeSmallModel(join(cwd, 'stranger.safetensors'), smallSegmentation, 'other');
    writeImage(join(cwd, 'a.png'), 1);
    writeImage(join(cwd, 'b.png'), 2);
  });

  it('prints a configuration that --model takes back, changed', async () => {
    const { code, stdout } = await moganet(['config', 'detection.safetensors'], { cwd });
    expect(code).to.equal(0);
    const config = JSON.parse(stdout);
    expect(config.detection.test).to.deep.equal({ score: 0.05, iou: 0.5, max: 5, maskThreshold: 0.5 });
    config.detection.test.max = 2;
    writeFileSync(join(cwd, 'two.json'), JSON.stringify(config));
    const words = ['detect', 'a.png', '--model', 'two.json', '--weights', 'detection.safetensors', '--engine', 'cpu'];
    const run = await moganet([...words, '--json', '--score', '0'], { cwd });
    expect(JSON.parse(run.stdout).results[0].detection).to.have.length(2);
  });

  it('reads files of editors and shells, with byte order marks of UTF-8 and UTF-16', async () => {
    const text = '\ufeff{"name": "façade", "backbone": {"type": "moganet", "arch": "xt"}}';
    const bytes = {
      utf8: Buffer.from(text),
      utf16le: Buffer.from(text, 'utf16le'),
      utf16be: Buffer.from(text, 'utf16le').swap16(),
    };
    for (const [encoding, content] of Object.entries(bytes)) {
      writeFileSync(join(cwd, `${encoding}.json`), content);
      const { code, stdout, stderr } = await moganet(['config', `${encoding}.json`], { cwd });
      expect({ code, stderr }, encoding).to.deep.equal({ code: 0, stderr: '' });
      expect(JSON.parse(stdout).name).to.equal('façade');
    }
  });

  it('tells that weights are found by name if a configuration has another name or none', async () => {
    const { name: _, ...nameless } = smallDetection as typeof smallDetection & { name?: string };
    const cases = [
      [{ ...nameless, name: 'mine' }, 'its "name" is "mine"'],
      [nameless, 'it has no "name"'],
    ] as const;
    for (const [config, found] of cases) {
      writeFileSync(join(cwd, 'mine.json'), JSON.stringify(config));
      const { code, stderr } = await moganet(['detect', 'a.png', '--model', 'mine.json'], { cwd });
      expect(code).to.equal(2);
      expect(stderr).to.match(/^error: mine\.json: .*weights.*"name".*`moganet models`.*--weights\.\n$/);
      expect(stderr).to.include(found);
    }
  });

  it('refuses an unknown key of a configuration with the nearest one', async () => {
    const config = { ...smallDetection, detectoin: smallDetection.detection };
    writeFileSync(join(cwd, 'typo.json'), JSON.stringify(config));
    const words = ['detect', 'a.png', '--model', 'typo.json', '--weights', 'detection.safetensors', '--engine', 'cpu'];
    const { code, stderr } = await moganet(words, { cwd });
    expect(code).to.equal(2);
    expect(stderr).to.include('typo.json: unknown key "detectoin"').and.to.include('Did you mean "detection"?');
  });

  it('refuses a configuration that no image can be fitted into, once and not for every image', async () => {
    const { detection } = smallDetection;
    const input = { ...detection?.input, scale: [20000, 2] };
    writeFileSync(join(cwd, 'scale.json'), JSON.stringify({ ...smallDetection, detection: { ...detection, input } }));
    const words = ['detect', 'a.png', 'b.png', '--model', 'scale.json', '--weights', 'detection.safetensors'];
    const { code, stdout, stderr } = await moganet([...words, '--engine', 'cpu', '--json', '--quiet'], { cwd });
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    expect(stderr).to.match(/^error: .*20000×2.*input\.scale\.\n$/);
  });

  it('refuses text that is not a configuration', async () => {
    writeFileSync(join(cwd, 'broken.json'), '{"backbone":');
    const broken = await moganet(['summary', 'broken.json'], { cwd });
    expect(broken.code).to.equal(2);
    expect(broken.stderr).to.match(/^error: broken\.json: .*line 1, column 13: .*\n.*`moganet config facade`/);
    writeFileSync(join(cwd, 'other.json'), '{"name":"x"}');
    const other = await moganet(['summary', 'other.json'], { cwd });
    expect(other.stderr).to.match(/^error: other\.json: .*backbone\.type.*\n.*`moganet config facade`/);
  });

  it('joins heads on one backbone into a file that loads by itself', async () => {
    const words = [
      'convert',
      'detection.safetensors',
      'segmentation.safetensors',
      'joined.safetensors',
      '--dtype',
      'f16',
    ];
    const { code, stdout } = await moganet([...words, '--scale', '64x96', '--scale', '48'], { cwd });
    expect(code).to.equal(0);
    expect(stdout).to.match(/^joined\.safetensors: backbone, detection, segmentation; \d+ tensors, \d\.\d MB\n$/);
    const config = JSON.parse((await moganet(['config', 'joined.safetensors'], { cwd })).stdout);
    expect(config.name).to.equal('joined');
    expect(config.detection.input.scale).to.deep.equal([96, 64]);
    expect(config.segmentation.input.scale).to.deep.equal([48, 48]);
    expect(config.segmentation).not.to.have.property('auxiliary');
    const run = await moganet(['predict', 'a.png', '--model', 'joined.safetensors', '--engine', 'cpu', '--json'], {
      cwd,
    });
    expect(JSON.parse(run.stdout).results[0]).to.have.all.keys('file', 'image', 'detection', 'segmentation');
    const refused = await moganet(words, { cwd });
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(/^error: joined\.safetensors exists already.*--overwrite/);
  });

  it('keeps the auxiliary head if asked to', async () => {
    const words = ['convert', 'segmentation.safetensors', 'whole.safetensors', '--keep-aux'];
    expect((await moganet(words, { cwd })).code).to.equal(0);
    const config = JSON.parse((await moganet(['config', 'whole.safetensors'], { cwd })).stdout);
    expect(config.segmentation.auxiliary.type).to.equal('fcn_head');
    const header = readFileSync(join(cwd, 'whole.safetensors')).toString('latin1');
    expect(header).to.include('"auxiliary_head.conv_seg.weight"');
    const none = await moganet(['convert', 'detection.safetensors', 'backbone.safetensors', '--prefix', 'backbone.'], {
      cwd,
    });
    expect(none.stdout).to.match(/^backbone\.safetensors: backbone; /);
  });

  it('refuses to join backbones that differ, naming the first key', async () => {
    const words = ['convert', 'detection.safetensors', 'stranger.safetensors', 'never.safetensors'];
    const { code, stderr } = await moganet(words, { cwd });
    expect(code).to.equal(1);
    expect(stderr).to.match(/^error: backbone\.\S+ .*detection\.safetensors.* stranger\.safetensors.*\n$/);
  });
});
