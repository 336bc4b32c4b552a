import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeImage, decodeLabelPng } from 'moganet';
import { rleArea, rleFromString } from '../../src/postprocess/rle.ts';
import { moganet, startMoganet, useFolder, writeImage } from '../harness/command_line.ts';
import {
  smallBoth,
  smallClassification,
  smallDetection,
  smallSegmentation,
  writeSmallModel,
} from '../harness/small_model.ts';

const inJapanese = {
  ...smallDetection,
  name: 'japanese',
  detection: { ...smallDetection.detection!, classes: ['Ж犬', 'Я'] },
};

describe('the files of the command line', () => {
  const cwd = useFolder();
  const plain = ['--model', 'both.safetensors', '--engine', 'cpu'];
  const both = [...plain, '--score', '0'];
  const text = (path: string) => readFileSync(join(cwd, path), 'utf8');
  const files = (folder: string) => readdirSync(join(cwd, folder), { recursive: true }).map(String).sort();

  before(async () => {
    await writeSmallModel(join(cwd, 'both.safetensors'), smallBoth);
    await writeSmallModel(join(cwd, 'segmentation.safetensors'), smallSegmentation);
    await writeSmallModel(join(cwd, 'classification.safetensors'), smallClassification);
    await writeSmallModel(join(cwd, 'japanese.safetensors'), inJapanese);
    writeImage(join(cwd, 'photos/000000000139.png'), 1);
    writeImage(join(cwd, 'photos/deep/b.PNG'), 2, { width: 40, height: 48 });
  });

  it('is everything that --save names, and the forms agree', async () => {
    const all = 'overlay,labels,masks,json,coco,labelme,yolo';
    const { code, stderr } = await moganet(['predict', 'photos', '-r', '--out', 'all', '--save', all, ...both], {
      cwd,
    });
    expect(code, stderr).to.equal(0);
    expect(stderr).to.include('16 files in all\n');
    const suffixes = 'coco.json detections.png labelme.json labels.png masks.png result.json segmentation.png yolo.txt';
    const expected = ['000000000139', 'deep/b'].flatMap((stem) => suffixes.split(' ').map((end) => `${stem}.${end}`));
    expect(files('all').filter((name) => name !== 'deep')).to.deep.equal(expected);

    const result = JSON.parse(text('all/000000000139.result.json'));
    expect(result).to.include({ schema: 2, engine: 'cpu', file: 'photos/000000000139.png' });
    const { detection, segmentation } = result;
    expect(detection).to.have.length(5);
    const coco = JSON.parse(text('all/000000000139.coco.json'));
    expect(coco.map((one: { image_id: unknown }) => one.image_id)).to.deep.equal([139, 139, 139, 139, 139]);
    expect(coco.map((one: { segmentation: unknown }) => one.segmentation)).to.deep.equal(
      detection.map((one: { mask: unknown }) => one.mask),
    );
    expect(JSON.parse(text('all/deep/b.coco.json'))[0].image_id).to.equal('b');
    expect(JSON.parse(text('all/deep/b.labelme.json')).imagePath).to.equal('../../photos/deep/b.PNG');
    const drawn = detection.filter((one: { area: number }) => one.area > 0);
    expect(text('all/000000000139.yolo.txt').trimEnd().split('\n')).to.have.length(drawn.length);

    const labels = decodeLabelPng(readFileSync(join(cwd, 'all/000000000139.labels.png')));
    for (const { label, pixels, mask } of segmentation) {
      expect(labels.labels.filter((one) => one === label)).to.have.length(pixels);
      expect(rleArea(rleFromString(mask.counts, labels))).to.equal(pixels);
    }
    const masks = decodeLabelPng(readFileSync(join(cwd, 'all/000000000139.masks.png')));
    const first = masks.labels.filter((one) => one === 1);
    expect(first).to.have.length(detection[0].area); // the best lies on top
  });

  it('passes pngcheck', function () {
    if (spawnSync('pngcheck', ['-h']).error) this.skip(); // the tool is missing (Debian: pngcheck)
    const pngs = files('all').filter((name) => name.endsWith('.png'));
    expect(pngs).to.have.length(8);
    const { status, stdout } = spawnSync('pngcheck', ['-q', ...pngs.map((name) => join(cwd, 'all', name))]);
    expect({ status, said: stdout.toString() }).to.deep.equal({ status: 0, said: '' });
  });

  it('are only those that the model can give', async () => {
    const refusals = [
      [
        ['predict', '--save', 'masks', '--model', 'segmentation.safetensors'],
        /segmentation\.safetensors .*no masks.*--save masks/,
      ],
      [['detect', '--save', 'labels', ...both], /detect.* both\.safetensors .*no segmentation.*--save labels/],
      [['predict', '--max', '3', '--model', 'segmentation.safetensors'], /segmentation\.safetensors .*--max/],
      [['detect', '--classes', 'left,rihgt', ...both], /"rihgt"\. .*"right"\? .* left, right\./],
      [['detect', '-', ...both], /- .*stdin.*alone.*\.\/-/],
      [['detect', 'photos/deep/b.PNG', '--out', '-', ...both], /--out - .*one image.* 2/],
      [['detect', '--out', '-', '--save', 'json,coco', ...both], /--out - .*one file.* 2 \(json, coco\).*--save/],
      [['detect', '--out', '-', '--json', ...both], /--json and --out - .*stdout.*--save json --out -/],
      [['detect', '--font', 'none.ttf', ...both], /none\.ttf: there is no such file/],
      [['detect', '--font', 'both.safetensors', ...both], /both\.safetensors: .*TrueType.*\.ttf/],
    ] as const;
    for (const [words, said] of refusals) {
      const [command, ...rest] = words;
      const { code, stdout, stderr } = await moganet([command!, 'photos/000000000139.png', ...rest], { cwd });
      expect(stderr)
        .to.match(said)
        .and.match(/^error: /);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
    }
    const unknown = await moganet(['detect', 'a.jpg', '--save', 'overlay,jsno'], { cwd });
    expect(unknown.code).to.equal(2);
    expect(unknown.stderr).to.match(/"jsno" is none of overlay, masks, json, coco, labelme, yolo\. .*"json"\?/);
    expect(existsSync(join(cwd, 'out'))).to.equal(false);
  });

  it('takes an image from stdin and gives its overlay or its JSON on stdout', async () => {
    const input = readFileSync(join(cwd, 'photos/000000000139.png'));
    const overlay = await moganet(['predict', '-', ...both], { cwd, input });
    expect(overlay.code, overlay.stderr).to.equal(0);
    expect(overlay.stderr).to.include('\nstdin: ');
    const raster = await decodeImage(overlay.bytes);
    expect(raster.width).to.be.greaterThan(2 * 48); // detections and segmentation side by side
    const json = await startMoganet(['detect', '-', '--json', '--quiet', ...both], { cwd, input });
    expect(json.stderr).to.equal('');
    const [result] = JSON.parse(json.stdout).results;
    expect(result).to.include({ file: 'stdin' });
    const alone = await moganet(['detect', '-', '--save', 'json', ...both], { cwd, input });
    const { schema: _, moganet: __, model, engine: ___, ...fields } = JSON.parse(alone.stdout);
    expect(fields).to.deep.equal(result);
    expect(model.name).to.equal('small_both');
    const folder = await moganet(['segment', '-', '--out', 'piped', '--save', 'labels', ...plain], { cwd, input });
    expect(folder.code).to.equal(0);
    expect(files('piped')).to.deep.equal(['stdin.labels.png']);
    const broken = await moganet(['detect', '-', ...both], { cwd, input: input.subarray(0, 100) });
    expect({ code: broken.code, bytes: broken.bytes.length }).to.deep.equal({ code: 1, bytes: 0 });
    expect(broken.stderr).to.match(/\nstdin[:,] /);
    const empty = await moganet(['detect', '-', ...both], { cwd, input: new Uint8Array(0) });
    expect(empty.stderr).to.match(/\nstdin[:,] .*\n$/);
  });

  it('keeps to the instances that are wanted', async () => {
    const run = async (...words: readonly string[]) => {
      const { stdout } = await moganet(['detect', 'photos/000000000139.png', '--json', '--quiet', ...both, ...words], {
        cwd,
      });
      return JSON.parse(stdout).results[0].detection as { name: string; score: number; box: number[] }[];
    };
    const all = await run();
    const counted = all.filter(({ name }) => name === 'left');
    expect(counted.length).to.be.greaterThan(0);
    const wanted = await run('--classes', 'left');
    expect(wanted.slice(0, counted.length)).to.deep.equal(counted);
    expect(await run('--max', '2')).to.deep.equal(all.slice(0, 2));
    expect(await run('--classes', 'left', '--max', '1')).to.deep.equal(wanted.slice(0, 1));
    expect(await run('--classes', 'left,right')).to.deep.equal(all);
    const boxes = (found: { box: number[] }[]) => JSON.stringify(found.map(({ box }) => box));
    expect(boxes(await run('--iou', '0'))).not.to.equal(boxes(all));
    expect(boxes(await run('--size', '96'))).not.to.equal(boxes(all));
  });

  it('draws class names in any script with a font, and reports missing characters once', async () => {
    const words = ['detect', 'photos', '-r', '--model', 'japanese.safetensors', '--engine', 'cpu', '--score', '0'];
    const font = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');
    const bare = await moganet([...words, '--out', 'bare'], { cwd });
    expect(bare.stderr.match(/^Drawn as boxes.*[ЖЯ].*$/gm)).to.have.length(1);
    expect(bare.stderr).to.include('--font');
    const lettered = await moganet([...words, '--out', 'lettered', '--font', font], { cwd });
    expect(lettered.code).to.equal(0);
    // DejaVu has Cyrillic and no Kanji
    expect(lettered.stderr).not.to.match(/Drawn as boxes.*[ЖЯ]/);
    const name = '000000000139.detections.png';
    expect(readFileSync(join(cwd, 'bare', name)).equals(readFileSync(join(cwd, 'lettered', name)))).to.equal(false);
  });

  it('takes files of any name, and never writes two to one', async () => {
    const names = [
      'a b.png',
      '50 %.png',
      '#1.PNG',
      '犬.png',
      '-x.png',
      'a.b.jpg',
      'a.b.png',
      'A.B.JPEG',
      "it's [1].png",
      'new\nline.png',
    ];
    for (const [i, name] of names.entries()) writeImage(join(cwd, 'odd [1] #/', name), i); // the content decides
    writeFileSync(join(cwd, 'odd [1] #/notes.txt'), '');
    const folder = await moganet(['segment', 'odd [1] #', '--out', 'names', '--save', 'labels', ...plain], { cwd });
    expect(folder.code, folder.stderr).to.equal(0);
    expect(files('names')).to.deep.equal(
      [...['a b', '50 %', '#1', '犬', '-x', "it's [1]", 'new_line'], ...['a.b.jpg', 'a.b.png', 'A.B.JPEG']]
        .map((stem) => `${stem}.labels.png`)
        .sort(),
    );
    const single = await moganet(['segment', '--out', 'dash', ...plain, '--', '-x.png'], {
      cwd: join(cwd, 'odd [1] #'),
    });
    expect(single.stderr).to.include('both.safetensors'); // the model is not in this folder: no guess is made
    const dash = await moganet(
      ['segment', '--out', 'dash', '--model', '../both.safetensors', '--engine', 'cpu', '--', '-x.png'],
      { cwd: join(cwd, 'odd [1] #') },
    );
    expect(dash.code, dash.stderr).to.equal(0);
    expect(files('odd [1] #/dash')).to.deep.equal(['-x.segmentation.png']);
  });

  it('is one JSON file per image of a classifier, too', async () => {
    const words = ['classify', 'photos/000000000139.png', '--model', 'classification.safetensors', '--engine', 'cpu'];
    const { code, stderr } = await moganet([...words, '--save', 'json'], { cwd });
    expect(code, stderr).to.equal(0);
    expect(JSON.parse(text('out/000000000139.result.json')).classification).to.have.length(5);
    const refused = await moganet([...words, '--save', 'json'], { cwd });
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(/out\/000000000139\.result\.json exists already.*--overwrite/);
  });
});
