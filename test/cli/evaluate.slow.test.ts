import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { moganet, useFolder } from '../harness/command_line.ts';
import {
  type ExpectedFigures,
  type ExpectedLabels,
  type ExpectedObjects,
  evalSplit,
  figuresIn,
  largeSplit,
} from '../harness/eval_split.ts';

/** The reference's figures; a pixel or a box at a threshold may fall on the other side. */
const tolerance = 1e-3;

function near(found: unknown, wanted: number | null, what: string): void {
  if (wanted === null) expect(found, what).to.equal(null);
  else expect(found, what).to.be.closeTo(wanted, tolerance);
}

function checkObjects(found: ExpectedObjects, wanted: ExpectedObjects): void {
  expect(found.stats).to.have.length(12);
  for (const [i, value] of wanted.stats.entries()) near(found.stats[i], value, `stats[${i}]`);
  expect(found.per_class).to.have.all.keys(wanted.per_class);
  for (const [name, value] of Object.entries(wanted.per_class)) near(found.per_class[name], value, name);
}

function checkLabels(found: ExpectedLabels, wanted: ExpectedLabels): void {
  for (const key of ['miou', 'macc', 'aacc'] as const) near(found[key], wanted[key], key);
  expect(found.iou).to.have.all.keys(wanted.iou);
  for (const [name, value] of Object.entries(wanted.iou)) near(found.iou[name], value, name);
}

async function figuresOf(folder: string, ...words: string[]) {
  const { code, stdout, stderr } = await moganet(['evaluate', '--data', folder, '--json', ...words]);
  expect(code, stderr).to.equal(0);
  return JSON.parse(stdout) as ExpectedFigures;
}

for (const [title, folder, minutes] of [
  ['four images', evalSplit, 3],
  ['the whole test split', largeSplit, 15],
] as const) {
  describe(`moganet evaluate on ${title}`, function () {
    this.timeout(minutes * 60_000);
    before(function () {
      if (!existsSync(folder)) this.skip(); // the large one lies beside the repository
    });

    it('measures both heads together', async () => {
      const [found, wanted] = [await figuresOf(folder), figuresIn(folder)];
      expect(found.images).to.equal(wanted.images);
      expect(found.size).to.equal(wanted.size);
      expect(found.detections).to.equal(wanted.detections);
      expect(found).to.include({ det_scale: 640, seg_scale: 512 });
      checkObjects(found.bbox, wanted.bbox);
      checkObjects(found.segm, wanted.segm);
      checkLabels(found.semseg, wanted.semseg);
      expect(found).not.to.have.property('semseg_alone');
    });

    it('measures each head alone', async () => {
      const wanted = figuresIn(folder);
      const detector = await figuresOf(folder, '--model', 'mask_rcnn_lite_moganet_xt_fpn_facade');
      checkObjects(detector.bbox, wanted.bbox);
      checkObjects(detector.segm, wanted.segm);
      expect(detector).not.to.have.any.keys('semseg', 'semseg_alone');
      const segmenter = await figuresOf(folder, '--model', 'upernet_lite_moganet_xt_facade');
      checkLabels(segmenter.semseg, wanted.semseg_alone);
      expect(segmenter.semseg_alone).to.deep.equal(segmenter.semseg);
      expect(segmenter).not.to.have.any.keys('bbox', 'segm', 'detections');
    });
  });
}

describe('moganet evaluate', function () {
  this.timeout(180_000);
  const folder = useFolder();

  it('writes results that give the same figures, and a report', async () => {
    const [saved, report] = [join(folder, 'found.json'), join(folder, 'report.html')];
    const first = await figuresOf(evalSplit, '--save-results', saved, '--report', report);
    const again = await figuresOf(evalSplit, '--results', saved);
    expect(again.bbox).to.deep.equal(first.bbox);
    expect(again.segm).to.deep.equal(first.segm);
    const html = readFileSync(report, 'utf8');
    expect(html)
      .to.match(/^<!doctype html>/i)
      .and.to.include('moganet evaluate')
      .and.to.include('balcony-fence');
    expect(html).not.to.match(/<script[^>]*src=|<link[^>]*href="http/);
  });

  it('names an image that cannot be read, leaves it out and ends with 3', async () => {
    const damaged = join(folder, 'damaged');
    cpSync(evalSplit, damaged, { recursive: true });
    const image = join(damaged, 'images/d.jpg');
    writeFileSync(image, readFileSync(image).subarray(0, 200));
    const { code, stdout, stderr } = await moganet(['evaluate', '--data', damaged, '--json']);
    expect(code).to.equal(3);
    expect(stderr).to.include('images/d.jpg');
    const document = JSON.parse(stdout);
    expect(document.images).to.equal(3);
    expect(document.failures.map(({ file }: { file: string }) => file)).to.deep.equal(['images/d.jpg']);
    expect(document.bbox.classes[0].truths).to.be.a('number');
  });

  it('compares a file of results with the model that made it: no image differs', async () => {
    const saved = join(folder, 'model.json');
    await figuresOf(evalSplit, '--save-results', saved);
    const words = ['compare', saved, 'facade', '-d', evalSplit, '--resamples', '10', '--type', 'segm', '--json'];
    const { code, stdout } = await moganet(words);
    expect(code).to.equal(0);
    const document = JSON.parse(stdout);
    expect(document.images).to.deep.equal([]);
    expect(document.figures[0].difference).to.equal(0);
  });

  it('refuses an option of pose models by the name that the command line has for it', async () => {
    const { code, stderr } = await moganet(['evaluate', '-d', evalSplit, '--limit', '1', '--oks', '0.5']);
    expect(code).to.equal(2);
    expect(stderr).to.match(/\nerror: --oks is for a pose model, .*\n$/);
  });
});
