import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { startMoganet, useFolder, writeImage } from '../harness/command_line.ts';
import { smallBoth, writeSmallModel } from '../harness/small_model.ts';

const count = 14;
const nameOf = (i: number) => `${String(i).padStart(2, '0')}.png`;

describe('--workers', function () {
  this.timeout(300_000);
  const cwd = useFolder();

  before(async () => {
    for (let i = 0; i < count; i++) {
      writeImage(join(cwd, 'photos', nameOf(i)), i, { height: 40 + 9 * (i % 5), width: 60 + 7 * (i % 3) });
    }
    writeFileSync(join(cwd, 'photos', nameOf(3)), 'not an image');
    await writeSmallModel(join(cwd, 'both.safetensors'), smallBoth);
  });

  const words = (workers: number, ...more: string[]) => [
    ...[
      'predict',
      'photos',
      '--model',
      'both.safetensors',
      '--score',
      '0',
      '--json',
      '--save',
      'overlay,labels,json,coco',
    ],
    ...['--out', `out${workers}`, '--workers', `${workers}`, ...more],
  ];

  it('writes the same files and the same document as one, in the same order', async () => {
    const one = await startMoganet(words(1), { cwd });
    const two = await startMoganet(words(2), { cwd });
    expect([one.code, two.code]).to.deep.equal([3, 3]);
    expect(two.stderr).not.to.include('worker 2');
    expect(two.stdout).to.equal(one.stdout);
    const files = readdirSync(join(cwd, 'out1')).sort();
    expect(files).to.have.length(5 * (count - 1));
    expect(readdirSync(join(cwd, 'out2')).sort()).to.deep.equal(files);
    for (const file of files) {
      expect(readFileSync(join(cwd, 'out2', file)).equals(readFileSync(join(cwd, 'out1', file))), file).to.equal(true);
    }
    // the lines of images come in the order of the images
    const order = [...two.stderr.matchAll(/^photos\/(\d\d)/gm)].map(([, number]) => Number(number));
    expect(order).to.deep.equal([...Array(count).keys()]);
  });

  it('end at a signal with a whole document and no half file', async () => {
    const running = startMoganet(words(2, '--overwrite', '--size', '640'), { cwd });
    await new Promise<void>((resolve) => {
      running.process.stderr!.on('data', (text: string) => {
        if (text.includes('photos/01.png')) resolve();
      });
    });
    running.process.kill('SIGTERM');
    const { code, stdout } = await running;
    expect(code).to.equal(143);
    const { results, failures } = JSON.parse(stdout);
    expect(results.length).to.be.within(1, count - 2);
    expect(failures.at(-1).error).to.equal('interrupted by SIGTERM');
    expect(readdirSync(join(cwd, 'out2')).filter((name) => name.endsWith('.part'))).to.deep.equal([]);
  });
});
