import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeImage, version } from 'moganet';
import { moganet, startMoganet, useFolder, writeImage } from '../harness/command_line.ts';
import { buildPng } from '../harness/png_builder.ts';
import { smallBoth, smallDetection, writeSmallModel } from '../harness/small_model.ts';

/** Files below a folder, sorted. */
const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
        .sort()
    : [];

describe('predict, detect and segment', () => {
  const cwd = useFolder();
  const both = ['--model', 'both.safetensors', '--engine', 'cpu'];

  before(async () => {
    await writeSmallModel(join(cwd, 'both.safetensors'), smallBoth);
    await writeSmallModel(join(cwd, 'detection.safetensors'), smallDetection);
    writeImage(join(cwd, 'photos/a.png'), 1);
    writeImage(join(cwd, 'photos/b.PNG'), 2, { width: 40, height: 48 });
    writeImage(join(cwd, 'photos/deep/a.png'), 3);
    writeImage(join(cwd, 'same/x.png'), 4);
    writeImage(join(cwd, 'same/x.jpg'), 5); // the content decides, not the name
    writeImage(join(cwd, 'same/x.jpg.png'), 6);
    writeImage(join(cwd, 'odd/- 50 % #1 [ü].png'), 7);
    writeFileSync(join(cwd, 'photos/broken.png'), readFileSync(join(cwd, 'photos/a.png')).subarray(0, 200));
    writeFileSync(join(cwd, 'photos/notes.txt'), 'no image');
  });

  it('draws the result of each task, prints engine and classes first, and keeps folders', async () => {
    const { code, stdout, stderr } = await moganet(
      ['predict', 'photos/a.png', 'photos/deep/a.png', '--out', 'o1', ...both],
      { cwd },
    );
    expect(stderr.split('\n')[0]).to.match(
      /^moganet \d+\.\d+\.\d+ on cpu \(plain JavaScript\): small_both finds left, right; segments sky, ground, water$/,
    );
    expect(stderr).to.include('4 images in o1\n');
    expect(stdout).to.match(/^photos\/a\.png: .+; .+ %.* \(\d+ ms\)\nphotos\/deep\/a\.png: .+\n$/);
    expect(code).to.equal(0);
    const names = ['a.detections.png', 'a.segmentation.png', 'deep/a.detections.png', 'deep/a.segmentation.png'];
    expect(filesIn(join(cwd, 'o1'))).to.deep.equal(names);
    const overlay = await decodeImage(readFileSync(join(cwd, 'o1/a.detections.png')));
    expect([overlay.width, overlay.height]).to.deep.equal([48, 40]);
  });

  it('shows on a terminal which image runs, also if it is the only one', async () => {
    const { stderr } = await moganet(['predict', 'photos/a.png', '--out', 'shown', ...both], { cwd, tty: true });
    expect(stderr.replaceAll('\u001b', 'ESC')).to.match(
      /\rESC\[K░+ 1 of 1 {2}photos\/a\.png\rESC\[K2 images in shown\n$/,
    );
  });

  it('continues after a broken image, prints the reason in one line, and ends with code 3', async () => {
    const { code, stdout, stderr } = await moganet(['detect', 'photos', 'gone.jpg', '-r', '--out', 'o2', ...both], {
      cwd,
    });
    expect(code).to.equal(3);
    expect(stdout.split('\n')).to.have.length(4); // a, b, deep/a
    const complaints = stderr.split('\n').filter((line) => /^(photos\/broken\.png|gone\.jpg)[:,] /.test(line));
    expect(complaints).to.have.length(2);
    expect(complaints[1]).to.match(/^gone\.jpg: there is no such file/);
    expect(stderr).to.include('2 of 5 images failed.');
    expect(
      filesIn(join(cwd, 'o2')).filter((name) => !/^(photos\/)?(deep\/a|a|b)\.detections\.png$/.test(name)),
    ).to.deep.equal([]);
  });

  it('ends with code 1 if every image fails', async () => {
    const one = await moganet(['detect', 'gone.jpg', ...both], { cwd });
    expect({ code: one.code, stdout: one.stdout }).to.deep.equal({ code: 1, stdout: '' });
    expect(one.stderr).to.match(/\ngone\.jpg: there is no such file.*\n$/);
    const more = await moganet(['detect', 'gone.jpg', 'photos/broken.png', '--json', ...both], { cwd });
    expect(more.code).to.equal(1);
    expect(JSON.parse(more.stdout)).to.have.property('failures').with.length(2);
  });

  it('uses whole file names if stems are the same', async () => {
    const { code } = await moganet(['segment', 'same', '--out', 'o3', ...both], { cwd });
    expect(code).to.equal(0);
    const names = ['x.jpg.png.segmentation.png', 'x.jpg.segmentation.png', 'x.png.segmentation.png'];
    expect(filesIn(join(cwd, 'o3'))).to.deep.equal(names);
  });

  it('takes file names of any kind, and patterns that the shell left alone', async () => {
    const odd = await moganet(['detect', '--out', 'o4', ...both, '--', 'odd/- 50 % #1 [ü].png', 'photos/[a]*.png'], {
      cwd,
    });
    expect(odd.stderr).to.include('2 images in o4');
    expect(filesIn(join(cwd, 'o4'))).to.deep.equal(['odd/- 50 % #1 [ü].detections.png', 'photos/a.detections.png']);
  });

  it('refuses to replace a file before any work, unless told to', async () => {
    const words = ['detect', 'photos/a.png', '--out', 'o5', ...both];
    writeImage(join(cwd, 'o5/a.detections.png'), 9);
    const before = readFileSync(join(cwd, 'o5/a.detections.png'));
    const refused = await moganet(words, { cwd });
    expect(refused.stderr).to.match(/^error: o5\/a\.detections\.png exists already.*--overwrite.*--out.*\n$/);
    expect({ code: refused.code, stdout: refused.stdout }).to.deep.equal({ code: 1, stdout: '' });
    expect(readFileSync(join(cwd, 'o5/a.detections.png')).equals(before)).to.equal(true);
    expect((await moganet([...words, '--overwrite'], { cwd })).code).to.equal(0);
    expect(readFileSync(join(cwd, 'o5/a.detections.png')).equals(before)).to.equal(false);
  });

  it('prints one JSON document that names every file, and draws only into a given folder', async () => {
    const words = ['predict', 'photos', '--json', '--score', '0', ...both];
    const { code, stdout, stderr } = await moganet(words, { cwd });
    expect(code).to.equal(3);
    expect(stderr).to.include('photos/a.png: ');
    expect(existsSync(join(cwd, 'out'))).to.equal(false);
    const document = JSON.parse(stdout);
    expect(document).to.include({ schema: 2, moganet: version, engine: 'cpu', score: 0 });
    expect(document.model.name).to.equal('small_both');
    expect(document.model.sha256).to.match(/^[0-9a-f]{64}$/);
    expect(document.results.map(({ file }: { file: string }) => file)).to.deep.equal(['photos/a.png', 'photos/b.PNG']);
    expect(document.failures.map(({ file }: { file: string }) => file)).to.deep.equal(['photos/broken.png']);
    const [first] = document.results;
    expect(first.image).to.deep.equal({ height: 40, width: 48 });
    expect(first.detection).to.have.length(5);
    expect(first.detection[0]).to.have.all.keys('label', 'name', 'score', 'box', 'area', 'mask');
    const shares = first.segmentation.map(({ share }: { share: number }) => share);
    expect(shares.reduce((sum: number, share: number) => sum + share, 0)).to.be.closeTo(1, 1e-9);
    const again = await moganet(words, { cwd });
    expect(again.stdout).to.equal(stdout);
  });

  it('prints what there is to know about the file of an image, with its name, and has it in the JSON', async () => {
    // 16 bits of which 8 are used
    const sample = (x: number, y: number) => (x * y) % 200;
    writeFileSync(join(cwd, 'dark.png'), buildPng({ width: 32, height: 32, depth: 16, colorType: 0, sample }));
    const printed = await moganet(['detect', 'dark.png', '--out', 'o8', ...both], { cwd });
    expect(printed.code, printed.stderr).to.equal(0);
    expect(printed.stderr).to.match(/\ndark\.png: .*16/);
    const { stdout } = await moganet(['detect', 'dark.png', '--json', '--quiet', ...both], { cwd });
    const [{ notices }] = JSON.parse(stdout).results;
    expect(notices).to.have.length(1);
    expect(printed.stderr).to.include(`\ndark.png: ${notices[0]}\n`);
  });

  it('reports an empty result, and how to use other classes', async () => {
    const { code, stdout, stderr } = await moganet(['detect', 'photos/a.png', '--out', 'o6', '--score', '1', ...both], {
      cwd,
    });
    expect(code).to.equal(0);
    expect(stdout).to.match(/^photos\/a\.png: nothing with a score of 1 or more \(best: (left|right) 0\.\d\d\) \(/);
    expect(stderr).to.match(/\nNothing was detected.* --score/);
    expect(stderr).to.include('predict photo.jpg --model mask_rcnn_moganet_xt_fpn_1x_coco\n');
  });

  it('leaves out the other head, and refuses a task that the model has no head for', async () => {
    const detect = await moganet(['detect', 'photos/a.png', '--json', '--quiet', ...both], { cwd });
    expect(detect.stderr).to.equal('');
    expect(JSON.parse(detect.stdout).results[0]).to.have.all.keys('file', 'image', 'detection');
    const segment = await moganet(['segment', 'photos/a.png', '--json', ...both], { cwd });
    expect(JSON.parse(segment.stdout).results[0]).to.have.all.keys('file', 'image', 'segmentation');
    const refused = await moganet(['segment', 'photos/a.png', '--model', 'detection.safetensors'], { cwd });
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.match(/^error: detection\.safetensors does not segment.*`moganet detect`/);
  });

  it('refuses a folder without images; a pattern without matches fails like a missing file', async () => {
    mkdirSync(join(cwd, 'empty'));
    writeFileSync(join(cwd, 'empty/notes.txt'), '');
    const folder = await moganet(['detect', 'empty', ...both], { cwd });
    expect(folder.code).to.equal(2);
    expect(folder.stderr).to.match(/^error: empty: no JPEG or PNG file.*--recursive.*\n$/);
    const pattern = await moganet(['detect', 'o1/deep/none*', ...both], { cwd });
    expect(pattern.code).to.equal(1);
    expect(pattern.stderr).to.match(/\no1\/deep\/none\*: no JPEG or PNG file.*\n$/);
  });

  it('ends with 130 if interrupted and leaves no half file', async () => {
    const run = startMoganet(['detect', 'photos', '-r', '--out', 'o7', ...both], { cwd });
    run.process.stderr!.once('data', () => run.process.kill('SIGINT'));
    const { code } = await run;
    expect(code).to.equal(130);
    expect(filesIn(join(cwd, 'o7')).filter((name) => name.endsWith('.part'))).to.deep.equal([]);
  });

  it('prints nothing if the reader of its output has closed', async () => {
    const run = startMoganet(['detect', 'photos', '-r', '--json', '--quiet', ...both], { cwd });
    run.process.stdout!.destroy();
    expect((await run).stderr.replace(/^photos\/broken\.png[:,] .*\n/m, '')).to.equal('');
  });
});
