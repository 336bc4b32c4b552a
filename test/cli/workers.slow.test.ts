import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import type { CocoFile } from '../../src/data/coco_file.ts';
import { startMoganet, useFolder, writeImage } from '../harness/command_line.ts';
import { evalSplit } from '../harness/eval_split.ts';
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

describe('a pool of workers that is closed while one runs its network', () => {
  it('leaves the process its exit code', () => {
    const script = `
      const { readFileSync } = await import('node:fs');
      const { openPool } = await import('./src/cli/pool.ts');
      const job = { model: { ref: 'facade' }, engine: 'onnxruntime' };
      const data = () => ({ kind: 'observations', threads: 1, job });
      const pool = openPool({ workers: 2, data, onNotice: console.error });
      pool.start();
      const bytes = new Uint8Array(readFileSync('samples/images/facade-balconies.jpg'));
      const run = () => pool.run({ file: 'a.jpg', bytes, options: {} });
      await run(); // the thread is ready
      run();
      await new Promise((go) => setTimeout(go, 100)); // decoding takes 30 ms
      await pool.close();
      process.exit(7);
    `;
    const words = ['--import', 'tsx/esm', '--input-type=module', '-e', script];
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', timeout: 60_000 });
    expect({ status, stderr }).to.deep.equal({ status: 7, stderr: '' });
  });
});

const posesSample = resolve('samples/poses');

describe('--workers of evaluate and compare', function () {
  this.timeout(300_000);
  const cwd = useFolder();

  /** Writes a data set whose images are those of another one, so many times. */
  function repeat(file: string, folder: string, times: number, imagesOf: string): void {
    const { images, annotations, categories } = JSON.parse(readFileSync(file, 'utf8')) as CocoFile;
    const rounds = [...Array(times).keys()];
    const nameIn = (round: number, name: string) => `${round}-${name}`;
    mkdirSync(join(cwd, folder, 'images'), { recursive: true });
    for (const round of rounds) {
      for (const { file_name: name = '' } of images) {
        copyFileSync(join(imagesOf, name), join(cwd, folder, 'images', nameIn(round, name)));
      }
    }
    const idIn = (round: number, id: number) => 10_000 * round + id;
    const repeated = {
      categories,
      images: rounds.flatMap((round) =>
        images.map((one) => ({ ...one, id: idIn(round, one.id), file_name: nameIn(round, one.file_name ?? '') })),
      ),
      annotations: rounds.flatMap((round) =>
        annotations.map((one) => ({ ...one, id: idIn(round, one.id), image_id: idIn(round, one.image_id) })),
      ),
    };
    writeFileSync(join(cwd, folder, 'instances.json'), JSON.stringify(repeated));
  }

  before(() => {
    repeat(join(evalSplit, 'instances.json'), 'split', 4, join(evalSplit, 'images'));
    writeFileSync(join(cwd, 'split', 'images', '2-c.jpg'), 'not an image');
    repeat(join(posesSample, 'annotations.json'), 'poses', 4, posesSample);
  });

  async function figures(workers: number, ...words: string[]) {
    const saved = `found${workers}.json`;
    const more = ['--json', '--save-results', saved, '--overwrite', '--workers', `${workers}`];
    const { code, stdout, stderr } = await startMoganet(['evaluate', ...words, ...more], { cwd });
    const { speed: _, model, per_image: images, ...document } = JSON.parse(stdout);
    const rows = images.map(({ milliseconds: _, ...row }: { milliseconds: number }) => row);
    return { code, stderr, model, rows, document, found: readFileSync(join(cwd, saved), 'utf8') };
  }

  it('measures the same to the last bit as one, and names the image that fails', async () => {
    const words = ['--data', 'split', '--size', '256'];
    const [one, two] = [await figures(1, ...words), await figures(2, ...words)];
    expect([one.code, two.code], two.stderr).to.deep.equal([3, 3]);
    expect(two.stderr).to.include('2-c.jpg').and.not.include('worker 2');
    expect(two.model.detail).to.equal('1 thread');
    expect(two.stderr).to.include('onnxruntime (1 thread in each of 2 workers)');
    expect(one.stderr).to.match(/^moganet .* on onnxruntime \(\d+ threads?\): /);
    expect(two.document).to.deep.equal(one.document);
    expect(two.rows).to.deep.equal(one.rows);
    expect(two.found).to.equal(one.found);
    expect(one.rows).to.have.length(15);
    expect(one.document.bbox.stats[0]).to.be.greaterThan(0);
  });

  it('finds the same poses in the boxes of the labels', async () => {
    const words = ['--data', 'poses', '--model', join(posesSample, 'stick-figures.safetensors')];
    const [one, two] = [await figures(1, ...words), await figures(2, ...words)];
    expect([one.code, two.code], two.stderr).to.deep.equal([0, 0]);
    expect(two.document).to.deep.equal(one.document);
    expect(two.found).to.equal(one.found);
    expect(one.document.keypoints.stats[0]).to.be.greaterThan(0.5);
  });

  it('compare the same to the last bit as one', async () => {
    const data = ['--data', 'split'];
    const saving = ['evaluate', ...data, '--size', '192', '--save-results', 'before.json'];
    expect((await startMoganet(saving, { cwd })).code).to.equal(3);
    const compared = async (workers: number) => {
      const words = [
        'compare',
        'before.json',
        'facade',
        ...data,
        '--size',
        '256',
        '--resamples',
        '50',
        '--json',
        '--workers',
        `${workers}`,
      ];
      return startMoganet(words, { cwd });
    };
    const [one, two] = [await compared(1), await compared(2)];
    expect([one.code, two.code], two.stderr).to.deep.equal([3, 3]);
    expect(two.stderr).to.include('1 thread in each of 2 workers').and.include('2-c.jpg');
    expect(two.stdout).to.equal(one.stdout);
    const { figures, images } = JSON.parse(one.stdout);
    expect(figures[0].difference).not.to.equal(0);
    expect(images).to.have.length.greaterThan(0);
  });
});
