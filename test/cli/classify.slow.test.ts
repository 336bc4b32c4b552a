import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeImage } from 'moganet';
import { moganet, useFolder, writeImage } from '../harness/command_line.ts';
import { smallClassification, smallDetection, writeSmallModel } from '../harness/small_model.ts';

const word = '(?:cat|dog|bird|fish|snail|bee|worm)';

describe('classify', () => {
  const cwd = useFolder();
  const model = ['--model', 'small.safetensors', '--engine', 'cpu'];

  before(async () => {
    await writeSmallModel(join(cwd, 'small.safetensors'), smallClassification);
    await writeSmallModel(join(cwd, 'detection.safetensors'), smallDetection);
    writeImage(join(cwd, 'photos/a.png'), 1);
    writeImage(join(cwd, 'photos/b.png'), 2, { width: 30, height: 70 });
  });

  it('prints the likeliest classes of every image, and draws only into a given folder', async () => {
    const { code, stdout, stderr } = await moganet(['classify', 'photos', '--top', '3', ...model], { cwd });
    expect(stderr.split('\n')[0]).to.match(
      /on cpu \(plain JavaScript\): small_classification classifies into cat, dog, bird, fish, snail, bee, worm$/,
    );
    const three = `${word} \\d+\\.\\d %, ${word} \\d+\\.\\d %, ${word} \\d+\\.\\d % \\(\\d+ ms\\)`;
    expect(stdout).to.match(new RegExp(`^photos/a\\.png: ${three}\nphotos/b\\.png: ${three}\n$`));
    expect(code).to.equal(0);
    expect(existsSync(join(cwd, 'out'))).to.equal(false);
  });

  it('prints them as JSON, five by default, and goes on after a missing file', async () => {
    const words = ['classify', 'photos/a.png', 'photos/b.png', 'gone.png', '--json', '--quiet'];
    const { code, stdout, stderr } = await moganet([...words, ...model], { cwd });
    expect(code).to.equal(3);
    expect(stderr).to.match(/^gone\.png: there is no such file.*\n$/);
    const document = JSON.parse(stdout);
    expect(document).to.include({ engine: 'cpu', top: 5 });
    expect(document.model.name).to.equal('small_classification');
    expect(document).not.to.have.property('score');
    expect(document.results).to.have.length(2);
    for (const result of document.results) {
      expect(result).to.have.all.keys('file', 'image', 'classification');
      expect(result.classification).to.have.length(5);
      expect(result.classification[0]).to.have.all.keys('label', 'name', 'score');
      const scores = result.classification.map(({ score }: { score: number }) => score);
      expect(scores).to.deep.equal([...scores].sort((a, b) => b - a));
    }
  });

  it('draws them with --out, and predict does so by itself', async () => {
    const classify = await moganet(['classify', 'photos/b.png', '--out', 'o1', ...model], { cwd });
    expect(classify.code).to.equal(0);
    expect(classify.stderr).to.include('1 image in o1\n');
    const overlay = await decodeImage(readFileSync(join(cwd, 'o1/b.classification.png')));
    expect([overlay.width, overlay.height]).to.deep.equal([30, 70]);
    const predict = await moganet(['predict', 'photos/b.png', '--out', 'o2', ...model], { cwd });
    expect(predict.code).to.equal(0);
    expect(predict.stderr).not.to.include('--score');
    expect(readFileSync(join(cwd, 'o2/b.classification.png'))).to.deep.equal(
      readFileSync(join(cwd, 'o1/b.classification.png')),
    );
    const withoutTime = (text: string) => text.replace(/\(.*\)/, '');
    expect(withoutTime(predict.stdout)).to.equal(withoutTime(classify.stdout));
  });

  it('refuses a model for detection, and detect one for classification', async () => {
    const wrong = await moganet(['classify', 'photos/a.png', '--model', 'detection.safetensors'], { cwd });
    expect(wrong.code).to.equal(2);
    expect(wrong.stderr).to.match(
      /^error: detection\.safetensors does not classify.*`moganet detect`.*--model moganet_xt\..*`moganet models --task classification`/,
    );
    const other = await moganet(['detect', 'photos/a.png', ...model], { cwd });
    expect(other.code).to.equal(2);
    expect(other.stderr).to.match(/^error: small\.safetensors .*detect.*`moganet classify`\.\n$/);
  });
});
