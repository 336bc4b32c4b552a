import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import type { NDArray } from '../../src/arrays.ts';
import { cocoKeypoints } from '../../src/datasets/keypoints.ts';
import { moganet, useFolder } from '../harness/command_line.ts';
import { type GoldenCase, openCase, shippedGolden } from '../harness/golden.ts';

const golden = join(shippedGolden, 'pose');
const model = join(golden, 'small_pose_moganet.pth');

/** Labels and boxes around what mmpose found in the picture of the golden case with a flip test. */
interface Found {
  readonly boxes: readonly (readonly [number, number, number, number, number])[];
  /** x, y, visibility of the keypoints in each box. */
  readonly keypoints: readonly (readonly number[])[];
}

async function foundByMmpose(facts: GoldenCase): Promise<Found> {
  const { data } = (await facts.stored('keypoints_flip_shift')) as NDArray;
  const { boxes_xywh_score: boxes } = facts.json.input;
  const keypoints = boxes.map((_: unknown, i: number) =>
    cocoKeypoints.names.flatMap((_name, k) => [data[2 * (17 * i + k)]!, data[2 * (17 * i + k) + 1]!, 2]),
  );
  return { boxes, keypoints };
}

describe('moganet evaluate with a pose model', function () {
  this.timeout(60_000);
  const folder = useFolder();
  const data = join(folder, 'data');
  const boxesFile = join(folder, 'boxes.json');
  let found: Found;

  const writeLabels = (name: string, change: (annotation: Record<string, unknown>) => object = (one) => one) => {
    const annotations = found.boxes.map(([x, y, width, height], i) =>
      change({
        id: i + 1,
        image_id: 5,
        category_id: 1,
        bbox: [x, y, width, height],
        area: width * height,
        iscrowd: 0,
        keypoints: found.keypoints[i],
        num_keypoints: 17,
      }),
    );
    const categories = [{ id: 1, name: 'person', keypoints: cocoKeypoints.names, skeleton: [[1, 2]] }];
    const images = [{ id: 5, file_name: 'people.png', height: 150, width: 200 }];
    writeFileSync(join(data, 'annotations', name), JSON.stringify({ images, annotations, categories }));
  };

  before(async () => {
    const facts = await openCase(golden, 'pose_e2e_picture');
    found = await foundByMmpose(facts);
    mkdirSync(join(data, 'annotations'), { recursive: true });
    mkdirSync(join(data, 'val2017'));
    copyFileSync(join(golden, facts.json.input.file), join(data, 'val2017', 'people.png'));
    writeLabels('person_keypoints_val2017.json');
    writeLabels('instances_val2017.json', ({ keypoints: _, num_keypoints: __, ...one }) => one);
    const boxes = found.boxes.map(([x, y, width, height, score]) => ({
      image_id: 5,
      category_id: 1,
      bbox: [x, y, width, height],
      score,
    }));
    writeFileSync(boxesFile, JSON.stringify(boxes));
  });

  const evaluate = (...words: string[]) => evaluateOn(data, ...words);
  const evaluateOn = async (set: string, ...words: string[]) => {
    const { code, stdout, stderr } = await moganet(['evaluate', '--data', set, '--json', ...words]);
    expect(code, stderr).to.equal(0);
    return { ...JSON.parse(stdout), stderr };
  };

  it("finds in a file's boxes what mmpose finds there, and reads the keypoints of a folder with both labels", async () => {
    const { keypoints, detections, model: facts, pose_scale } = await evaluate('--model', model, '--boxes', boxesFile);
    for (const at of [0, 1, 2, 5]) expect(keypoints.stats[at], keypoints.stat_names[at]).to.be.closeTo(1, 1e-9);
    expect({ detections, boxes: facts.boxes, pose_scale }).to.deep.equal({
      detections: 4,
      boxes: boxesFile,
      pose_scale: [96, 128],
    });
  });

  it("looks in the labels' boxes by default, and saves results that have the same figures", async () => {
    const saved = join(folder, 'saved.json');
    const { keypoints, model: facts, stderr } = await evaluate('--model', model, '--save-results', saved, '--no-flip');
    expect(facts).to.deep.include({ boxes: 'those of the labels', options: { flip: false } });
    expect(keypoints.stats[0]).to.be.within(0.001, 0.99); // boxes are cut at the border, and nothing is mirrored
    expect(stderr).to.include('person_keypoints_val2017.json is read');
    const again = await evaluate('--results', saved);
    expect(again.keypoints.stats).to.deep.equal(keypoints.stats);
    const entries = JSON.parse(readFileSync(saved, 'utf8')) as Record<string, unknown>[];
    expect(entries.map((one) => Object.keys(one))).to.deep.equal(
      entries.map(() => ['image_id', 'category_id', 'keypoints', 'score']),
    );
  });

  it('finds the people of the sample', async () => {
    const sample = new URL('../../samples/poses/', import.meta.url).pathname;
    const words = ['--model', join(sample, 'stick-figures.safetensors')];
    const { keypoints, detections } = await evaluateOn(join(sample, 'annotations.json'), ...words);
    expect({ ap: keypoints.stats[0].toFixed(6), detections }).to.deep.equal({ ap: '1.000000', detections: 3 });
  });

  it('drops similar poses, as many as --oks says, and takes boxes from a score on', async () => {
    const twice = join(folder, 'twice.json');
    const boxes = JSON.parse(readFileSync(boxesFile, 'utf8')) as object[];
    writeFileSync(twice, JSON.stringify([...boxes, ...boxes]));
    const detections = async (...words: string[]) =>
      (await evaluate('--model', model, '--boxes', twice, ...words)).detections;
    expect(await detections()).to.equal(4);
    expect(await detections('--oks', '1')).to.equal(8);
    expect(await detections('--detector-score', '0.8')).to.equal(3);
  });

  it('compares two ways to run a model, and draws poses in a report', async () => {
    const [a, b] = ['a.json', 'b.json'].map((name) => join(folder, name)) as [string, string];
    await evaluate('--model', model, '--boxes', boxesFile, '--save-results', a);
    const report = join(folder, 'report.html');
    await evaluate('--model', model, '--save-results', b, '--no-flip', '--report', report);
    const { code, stdout, stderr } = await moganet(['compare', a, b, '--data', data, '--resamples', '5', '--json']);
    expect(code, stderr).to.equal(0);
    const { type, figures } = JSON.parse(stdout);
    expect({ type, a: figures[0].a.toFixed(6) }).to.deep.equal({ type: 'keypoints', a: '1.000000' });
    expect(readFileSync(report, 'utf8')).to.match(/<path class="line link" d="M[\d.]+ [\d.]+L/);
  });

  it('looks in the boxes of a detector, whose class may have another name', async () => {
    const words = ['--model', model, '--detector', 'facade', '--detector-class', 'window', '--detector-score', '0.05'];
    const { model: facts, keypoints } = await evaluate(...words);
    expect(facts.boxes).to.match(/^found by facade/);
    expect(keypoints.classes[0]).to.include({ name: 'person', truths: 4 });
  });
});

describe("poses in labelme's files", function () {
  this.timeout(120_000);
  const cwd = useFolder();
  const sample = resolve('samples/poses');
  const stickFigures = ['--model', join(sample, 'stick-figures.safetensors')];

  it('are measured, checked and shown as they were written', async () => {
    mkdirSync(join(cwd, 'in'));
    copyFileSync(join(sample, 'stick-figures.png'), join(cwd, 'in', 'stick-figures.png'));
    const run = async (...words: string[]) => {
      const { code, stdout, stderr } = await moganet(words, { cwd });
      expect(code, stderr).to.equal(0);
      return stdout;
    };
    const boxes = ['--boxes', join(sample, 'annotations.json')];
    await run('pose', 'in', ...stickFigures, ...boxes, '--save', 'labelme', '--keypoint-score', '0');
    // the model finds again what it found
    const { keypoints, notices } = JSON.parse(await run('evaluate', '-d', 'out', ...stickFigures, '--json'));
    expect(keypoints.stats[0]).to.equal(1);
    const similarities = Object.values(keypoints.per_keypoint);
    expect(similarities).to.have.length(17);
    for (const similarity of similarities) expect(similarity).to.be.greaterThan(0.9999);
    expect(notices).to.deep.equal([]);
    expect(await run('check-data', 'out'))
      .to.include('3 annotations')
      .and.include('0 errors, 0 warnings');
    await run('browse', 'out', '--out', 'poses.html');
    expect(readFileSync(join(cwd, 'poses.html'), 'utf8').match(/class="keypoints"/g)).to.have.length(3);
  });
});
