import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { decodeImage, findEntry, loadModel, withDetector } from 'moganet';
import { moganet, startMoganet, useFolder, writeImage } from '../harness/command_line.ts';
import { serveFile } from '../harness/file_server.ts';
import { expectTensor, openCase, shippedGolden } from '../harness/golden.ts';
import { smallBoth, smallFile, smallPersons, smallPose, writeSmallModel } from '../harness/small_model.ts';

interface PoseJson {
  readonly name: string;
  readonly score: number;
  readonly box: readonly number[];
  readonly keypoints: readonly {
    readonly name: string;
    readonly x: number;
    readonly y: number;
    readonly score: number;
  }[];
}

describe('pose', function () {
  this.timeout(300_000);
  const cwd = useFolder();
  const engine = ['--engine', 'onnxruntime', '--threads', '1'];
  const model = ['--model', 'pose.safetensors', ...engine];
  const detector = ['--detector', 'persons.safetensors', '--detector-score', '0.1'];
  const posesIn = (stdout: string): PoseJson[][] =>
    JSON.parse(stdout).results.map(({ pose }: { pose: PoseJson[] }) => pose);

  before(async () => {
    await writeSmallModel(join(cwd, 'pose.safetensors'), smallPose);
    await writeSmallModel(join(cwd, 'persons.safetensors'), smallPersons);
    await writeSmallModel(join(cwd, 'both.safetensors'), smallBoth);
    for (let i = 0; i < 6; i++) writeImage(join(cwd, `photos/${i}.png`), i, { width: 50 + 3 * i, height: 70 - 4 * i });
  });

  it('finds in the boxes of a detector what the library finds', async () => {
    const { code, stdout, stderr } = await moganet(['pose', 'photos', '--json', ...model, ...detector], { cwd });
    expect(code).to.equal(0);
    expect(stderr).to.match(/small_pose finds the poses of person in boxes of small_persons\n/);
    const document = JSON.parse(stdout);
    expect(document.detector).to.include({ name: 'small_persons', class: 'person' });
    expect(document.detector.sha256).to.match(/^[0-9a-f]{64}$/);
    const options = { engine: 'onnxruntime', threads: 1 } as const;
    const pose = await loadModel({ weights: join(cwd, 'pose.safetensors') }, options);
    const persons = await loadModel({ weights: join(cwd, 'persons.safetensors') }, options);
    const both = withDetector(pose, persons, { score: 0.1 });
    for (const [i, poses] of posesIn(stdout).entries()) {
      const expected = (await both.predict(join(cwd, `photos/${i}.png`))).toJSON().pose;
      expect(poses).to.deep.equal(JSON.parse(JSON.stringify(expected)));
      expect(poses.length).to.be.greaterThan(0);
    }
    await both.dispose();
    expect(document.results[0].keypoints).to.have.all.keys('names', 'skeleton', 'flipPairs');
  });

  it('gives the same files and lines with several workers', async () => {
    const words = (workers: number) => [
      ...['pose', 'photos', ...model, ...detector, '--json', '--save', 'overlay,json,coco,labelme,yolo'],
      ...['--out', `out${workers}`, '--workers', `${workers}`],
    ];
    const [one, two] = [await startMoganet(words(1), { cwd }), await startMoganet(words(2), { cwd })];
    expect([one.code, two.code]).to.deep.equal([0, 0]);
    expect(two.stderr).not.to.include('worker 2');
    expect(two.stdout).to.equal(one.stdout);
    const files = readdirSync(join(cwd, 'out1')).sort();
    expect(files).to.have.length(5 * 6);
    expect(files.slice(0, 5)).to.deep.equal(
      ['coco.json', 'labelme.json', 'poses.png', 'result.json', 'yolo.txt'].map((kind) => `0.${kind}`),
    );
    for (const file of files) {
      expect(readFileSync(join(cwd, 'out2', file)).equals(readFileSync(join(cwd, 'out1', file))), file).to.equal(true);
    }
    const [first] = posesIn(one.stdout);
    const coco = JSON.parse(readFileSync(join(cwd, 'out1/0.coco.json'), 'utf8'));
    expect(coco.map(({ score }: PoseJson) => score)).to.deep.equal(first!.map(({ score }) => score));
    expect(coco[0].keypoints).to.have.length(3 * 17);
    const overlay = await decodeImage(readFileSync(join(cwd, 'out1/0.poses.png')));
    expect([overlay.width, overlay.height]).to.deep.equal([50, 70]);
    // and these are not taken as images by the next run
    const again = await moganet(['pose', 'out1', ...model], { cwd });
    expect(again.code).to.equal(2);
  });

  it('takes the boxes that `detect` has written, for the same poses', async () => {
    const persons = ['--model', 'persons.safetensors', '--classes', 'person', '--score', '0.1', ...engine];
    const found = await moganet(['detect', 'photos', '--json', ...persons], { cwd });
    writeFileSync(join(cwd, 'boxes.json'), found.stdout);
    const withFile = ['--boxes', 'boxes.json', '--detector-score', '0.1', '--oks', '0.9'];
    const { code, stdout } = await moganet(['pose', 'photos', '--json', ...model, ...withFile], { cwd });
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)).to.include({ boxes: 'boxes.json' });
    const direct = await moganet(['pose', 'photos', '--json', ...model, ...detector], { cwd });
    expect(posesIn(stdout)).to.deep.equal(posesIn(direct.stdout));
    const each = await moganet(['detect', 'photos', '--save', 'coco', '--out', 'coco', ...persons], { cwd });
    expect(each.code).to.equal(0);
    const coco = readdirSync(join(cwd, 'coco')).flatMap((file) =>
      JSON.parse(readFileSync(join(cwd, 'coco', file), 'utf8')),
    );
    writeFileSync(join(cwd, 'coco.json'), JSON.stringify(coco));
    const ofCoco = await moganet(
      ['pose', 'photos', '--json', ...model, '--boxes', 'coco.json', '--detector-score', '0.1', '--oks', '0.9'],
      { cwd },
    );
    for (const [i, poses] of posesIn(ofCoco.stdout).entries()) {
      expect(poses).to.have.length(posesIn(stdout)[i]!.length); // x + width is not x2 in the last bit
    }
  });

  it('finds in boxes of a file the keypoints of the reference', async () => {
    const folder = join(shippedGolden, 'pose');
    const facts = await openCase(folder, 'pose_e2e_picture');
    const boxes: readonly number[][] = facts.json.input.boxes_xywh_score;
    const results = boxes.map((box) => ({
      image_id: 'people_150x200',
      category_id: 1,
      bbox: box.slice(0, 4),
      score: box[4],
    }));
    writeFileSync(join(cwd, 'people.json'), JSON.stringify(results));
    const words = ['pose', join(folder, 'people_150x200.png'), '--model', join(folder, 'small_pose_moganet.pth')];
    const ends = { '--no-flip': '', '--flip': '_flip_shift' };
    for (const [option, end] of Object.entries(ends)) {
      const { code, stdout } = await moganet([...words, option, '--boxes', 'people.json', '--json', ...engine], {
        cwd,
      });
      expect(code).to.equal(0);
      const found = posesIn(stdout)[0]!.flatMap(({ keypoints }) => keypoints);
      const points = Float32Array.from(found.flatMap(({ x, y }) => [x, y]));
      await expectTensor(facts, `keypoints${end}`, { shape: [4, 17, 2], data: points });
      const scores = Float32Array.from(found, ({ score }) => score);
      await expectTensor(facts, `scores${end}`, { shape: [4, 17], data: scores });
    }
  });

  it('takes a whole image as one box, and so does predict', async () => {
    const alone = await moganet(['pose', 'photos/1.png', '--json', ...model], { cwd });
    expect(alone.stderr).to.include('Each image is one box').and.to.include('--detector finds boxes');
    const [[pose] = []] = posesIn(alone.stdout);
    expect(pose?.box).to.deep.equal([0, 0, 53, 66]);
    const predict = await moganet(['predict', 'photos/1.png', '--json', ...model], { cwd });
    expect(predict.code).to.equal(0);
    expect(posesIn(predict.stdout)).to.deep.equal(posesIn(alone.stdout));
    expect(predict.stderr).to.include('`moganet pose --detector`');
    const drawn = await moganet(['predict', 'photos/1.png', '--out', 'drawn', ...model], { cwd });
    expect(drawn.stdout).to.match(/^photos\/1\.png: 1 pose of person \(score \d\.\d\d\) /);
    expect(readdirSync(join(cwd, 'drawn'))).to.deep.equal(['1.poses.png']);
  });

  it('has options for which poses and keypoints are shown', async () => {
    const all = await moganet(['pose', 'photos/1.png', '--json', '--oks', '1', ...model, ...detector], { cwd });
    const scores = posesIn(all.stdout)[0]!.map(({ score }) => score);
    expect(scores.length).to.be.greaterThan(2);
    const counted = async (...words: string[]) => {
      const { stdout } = await moganet(['pose', 'photos/1.png', '--json', ...model, ...detector, ...words], { cwd });
      return posesIn(stdout)[0]!;
    };
    expect(await counted('--oks', '1', '--max', '2')).to.have.length(2);
    const least = [...scores].sort((a, b) => b - a)[1]!;
    expect(await counted('--oks', '1', '--score', `${least - 1e-6}`)).to.have.length(2);
    expect((await counted('--oks', '0.01')).length).to.be.lessThan(scores.length);
    expect(await counted('--flip')).to.not.deep.equal(await counted('--no-flip'));
    expect(await counted('--flip')).to.deep.equal(await counted()); // which this configuration says
    const overlays = [];
    for (const least of ['0', '1']) {
      const out = `at${least}`;
      await moganet(['pose', 'photos/1.png', '--out', out, ...model, '--keypoint-score', least], { cwd });
      overlays.push(readFileSync(join(cwd, out, '1.poses.png')));
    }
    expect(overlays[0]!.equals(overlays[1]!)).to.equal(false);
    const none = await moganet(
      ['pose', 'photos/1.png', ...model, '--detector', 'persons.safetensors', '--detector-score', '1'],
      { cwd },
    );
    expect(none.stdout).to.include('1.png: no pose');
    expect(none.stderr).to.include('A lower --detector-score');
  });

  it('says that no box is left, and that boxes are of another image or form', async () => {
    const images = [{ id: 1, file_name: '1.png', width: 530, height: 660 }];
    const annotation = { id: 1, image_id: 1, category_id: 1, bbox: [2, 2, 30, 40], area: 1200, iscrowd: 0 };
    const categories = [{ id: 1, name: 'person' }];
    writeFileSync(join(cwd, 'large.json'), JSON.stringify({ images, categories, annotations: [annotation] }));
    const large = await moganet(['pose', 'photos/1.png', '--json', ...model, '--boxes', 'large.json'], { cwd });
    expect(posesIn(large.stdout)[0]).to.have.length(1);
    expect(large.stderr).to.include('large.json states 530 × 660 pixels, the image has 53 × 66');
    const corners = { ...annotation, bbox: [20, 20, 50, 60] };
    const right = [{ id: 1, file_name: '1.png', width: 53, height: 66 }];
    writeFileSync(join(cwd, 'corners.json'), JSON.stringify({ images: right, categories, annotations: [corners] }));
    const wide = await moganet(['pose', 'photos/1.png', '--json', ...model, '--boxes', 'corners.json'], { cwd });
    expect(wide.stderr).to.include('corners.json: a box reaches far beyond the image');
    writeFileSync(join(cwd, 'nobody.json'), JSON.stringify({ images, categories, annotations: [] }));
    const nobody = await moganet(['pose', 'photos/1.png', '--json', ...model, '--boxes', 'nobody.json'], { cwd });
    expect(nobody.code).to.equal(0);
    expect(posesIn(nobody.stdout)).to.deep.equal([[]]);
    expect(nobody.stderr).to.match(/no box of "person" .* in photos\/1\.png\..*No poses were found/s);
    const high = await moganet(['pose', 'photos/1.png', '--json', ...model, '--score', '1'], { cwd });
    expect(high.stderr).to.include('A lower --score shows less certain poses');
  });

  it('writes what trainers of YOLO need to read its labels', async () => {
    const words = ['pose', 'photos', '--save', 'yolo', '--names', 'stem', '--out', 'yolo', ...model, ...detector];
    expect((await moganet(words, { cwd })).code).to.equal(0);
    const data = readFileSync(join(cwd, 'yolo/data.yaml'), 'utf8');
    expect(data).to.include('0: "person"').and.to.include('kpt_shape: [17, 3]\n');
    expect(data).to.include('flip_idx: [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]\n');
    const [line = ''] = readFileSync(join(cwd, 'yolo/0.txt'), 'utf8').split('\n');
    expect(line.split(' ')).to.have.length(5 + 3 * 17);
  });

  it('runs a published model by its name, whose weights it downloads once', async () => {
    const name = 'moganet_xt_coco_256x192';
    const server = await serveFile(await smallFile(findEntry(name).config));
    const env = { MOGANET_CACHE: join(cwd, 'cache'), MOGANET_MIRROR: server.url };
    const words = ['pose', 'photos/1.png', '--json', '--model', name, ...engine];
    const missing = await moganet(words, { cwd, env });
    expect(missing.code).to.equal(2);
    expect(missing.stderr).to.include(`pull ${name}`).and.to.include('--pull');
    const pulled = await moganet([...words, '--pull'], { cwd, env });
    expect(pulled.code, pulled.stderr).to.equal(0);
    const [[pose] = []] = posesIn(pulled.stdout);
    expect(pose?.keypoints.map((keypoint) => keypoint.name)).to.include.members(['nose', 'right_ankle']);
    const again = await moganet(words, { cwd, env });
    expect(again.stdout).to.equal(pulled.stdout);
    expect(server.requests).to.have.length(1);
    await server.close();
  });

  it('runs the frames of a video, and goes on after an image that is damaged', async () => {
    const frames = Buffer.concat([0, 1].map((i) => readFileSync(join(cwd, `photos/${i}.png`))));
    const video = await moganet(['pose', '-', '--frames', 'auto', '--json', ...model, ...detector], {
      cwd,
      input: frames,
    });
    expect(video.code).to.equal(0);
    expect(posesIn(video.stdout)).to.have.length(2);
    writeFileSync(join(cwd, 'damaged.png'), 'not an image');
    const words = ['pose', 'damaged.png', 'photos/1.png', '--json', ...model, ...detector];
    const mixed = await moganet(words, { cwd });
    expect(mixed.code).to.equal(3);
    expect(JSON.parse(mixed.stdout).failures).to.have.length(1);
  });

  it('refuses what cannot be, before any weights are loaded', async () => {
    const refused: readonly (readonly [readonly string[], RegExp])[] = [
      [['photos/1.png'], /pose needs --model.*moganet_t_coco_256x192.*\n.*\n\n.*boxes that a detector finds/],
      [['photos/1.png', '--model', 'both.safetensors'], /both\.safetensors finds no poses\. Use `moganet predict`/],
      [['photos/1.png', ...model, '--detector', 'both.safetensors'], /"person".*both\.safetensors.*left, right/],
      [['photos/1.png', ...model, '--detector', 'pose.safetensors'], /does not detect instances/],
      [['photos/1.png', ...model, '--detector', 'persns.safetensors'], /persns\.safetensors: there is no such file/],
      [['photos/1.png', ...model, ...detector, '--detector-class', 'dgo'], /Did you mean "dog"\?/],
      [['photos/1.png', ...model, '--detector-weights', 'persons.safetensors'], /needs --detector/],
      [['photos/1.png', ...model, ...detector, '--boxes', 'boxes.json'], /both give the boxes/],
      [['photos/1.png', ...model, '--detector-class', 'dog'], /--detector-class needs --detector or --boxes/],
      [['photos/1.png', ...model, '--detector-score', '0.5'], /--detector-score needs --detector or --boxes/],
      [['photos/1.png', ...model, '--scales', '1,2'], /unknown option '--scales'/],
      [
        ['photos/1.png', ...model, '--save', 'label'],
        /"label" is none of overlay, json, coco, labelme, yolo\. Did you/,
      ],
      [['photos/1.png', ...model, '--boxes', 'none.json'], /none\.json: there is no such file/],
      [['photos/1.png', ...model, '--oks', '0'], /--oks.*above 0/],
      [['photos/1.png', ...model, '--save', 'masks'], /gives no masks/],
      [
        ['photos/1.png', ...model, '--detector', 'mask_rcnn_moganet_xt_fpn_1x_coco'],
        /pull mask_rcnn.*\n.*--detector-weights/,
      ],
    ];
    for (const [words, message] of refused) {
      const { code, stdout, stderr } = await moganet(['pose', ...words], {
        cwd,
        env: { MOGANET_CACHE: join(cwd, 'none') },
      });
      expect({ code, stdout }, words.join(' ')).to.deep.equal({ code: 2, stdout: '' });
      expect(stderr, words.join(' ')).to.match(message);
    }
    const detect = await moganet(['detect', 'photos/1.png', ...model], { cwd });
    expect(detect.stderr).to.include('does not detect instances. Use `moganet pose`');
  });
});
