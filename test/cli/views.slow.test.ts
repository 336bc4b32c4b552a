import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { loadModel } from 'moganet';
import { moganet, useFolder, writeImage } from '../harness/command_line.ts';
import { smallBoth, smallClassification, smallDetection, writeSmallModel } from '../harness/small_model.ts';

/** Several views of an image, and the names of classes that nobody knows, on the command line. */

describe('--flip and --scales', () => {
  const cwd = useFolder();
  const both = ['--model', 'both.safetensors', '--engine', 'cpu'];
  before(async () => {
    await writeSmallModel(join(cwd, 'both.safetensors'), smallBoth);
    await writeSmallModel(join(cwd, 'classes.safetensors'), smallClassification);
    writeImage(join(cwd, 'a.png'), 1);
  });

  const document = async (...words: string[]) => {
    const { code, stdout, stderr } = await moganet(['predict', 'a.png', '--json', '--score', '0', ...both, ...words], {
      cwd,
    });
    expect(code, stderr).to.equal(0);
    return JSON.parse(stdout).results[0];
  };

  it('give what the options of the library give', async () => {
    const model = await loadModel({ weights: join(cwd, 'both.safetensors') }, { engine: 'cpu' });
    const image = new Uint8Array(readFileSync(join(cwd, 'a.png')));
    const plain = await document();
    for (const [words, options] of [
      [['--flip'], { flip: true }],
      [['--scales', '0.5,1', '--flip'], { flip: true, scales: [0.5, 1] }],
      [['--size', 'small'], { scales: [0.6] }],
      [['--size', 'medium', '--scales', '1,2'], { scales: [0.75, 1.5] }],
    ] as const) {
      const { detection, segmentation } = await document(...words);
      const expected = JSON.parse(JSON.stringify(await model.predict(image, options)));
      expect(detection).to.deep.equal(expected.detection);
      expect(segmentation).to.deep.equal(expected.segmentation);
      expect(detection).not.to.deep.equal(plain.detection);
    }
    expect((await document('--scales', '1')).detection).to.deep.equal(plain.detection);
    await model.dispose();
  });

  it('are refused with the option and its limits, or by a classifier', async () => {
    const wrong = await moganet(['predict', 'a.png', '--scales', '0', ...both], { cwd });
    expect(wrong.code).to.equal(2);
    expect(wrong.stderr).to.include('--scales').and.to.include('0.1 to 10');
    const classify = ['classify', 'a.png', '--model', 'classes.safetensors', '--engine', 'cpu'];
    expect((await moganet([...classify, '--flip'], { cwd })).code).to.equal(0);
    const scaled = await moganet([...classify, '--scales', '0.5,1'], { cwd });
    expect(scaled.code).to.equal(2);
    expect(scaled.stderr).to.include('`scales` cannot be used');
    expect((await moganet([...classify, '--size', 'small'], { cwd })).code).to.equal(0);
    const unknown = await moganet([...classify, '--size', 'smal'], { cwd });
    expect(unknown.code).to.equal(2);
    expect(unknown.stderr).to.include('Did you mean "small"?').and.to.include('medium (0.75)');
  });
});

describe('classes that nobody knows the names of', () => {
  const cwd = useFolder();

  it('are listed on stderr with the outputs that they belong to', async () => {
    const detection = { ...smallDetection.detection!, classes: ['class 0', 'class 1'] };
    await writeSmallModel(join(cwd, 'nameless.safetensors'), { ...smallDetection, detection });
    writeImage(join(cwd, 'a.png'), 1);
    const words = ['detect', 'a.png', '--model', 'nameless.safetensors', '--engine', 'cpu', '--out', 'o'];
    const { code, stdout, stderr } = await moganet(words, { cwd });
    expect(code).to.equal(0);
    expect(stderr).to.include('0 "class 0", 1 "class 1"').and.to.include('detection.classes');
    expect(stdout).not.to.include('detection.classes');
  });
});
