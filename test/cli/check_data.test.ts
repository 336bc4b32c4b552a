import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { encodePng } from '../../src/platform/node/png.ts';
import { moganet } from '../harness/command_line.ts';
import { shippedGolden } from '../harness/golden.ts';

const goldens = join(shippedGolden, 'eval/health');

describe('moganet check-data', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'check-data-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Writes a case as a data set would lie on a disk. */
  function dataset(name: string): string {
    const {
      datasets,
      image_folders: images,
      results,
    } = JSON.parse(readFileSync(join(goldens, `${name}.json`), 'utf8'));
    const root = join(folder, name);
    mkdirSync(join(root, 'annotations'), { recursive: true });
    for (const [split, document] of Object.entries(datasets)) {
      writeFileSync(join(root, 'annotations', `instances_${split}.json`), JSON.stringify(document));
      if (images?.[split]) cpSync(join(goldens, images[split]), join(root, split), { recursive: true });
    }
    if (results) writeFileSync(join(root, 'results.json'), JSON.stringify(results));
    return root;
  }

  it('finds nothing in a clean data set of two splits', async () => {
    const { code, stdout } = await moganet(['check-data', dataset('clean_files'), '--strict']);
    expect(stdout).to.match(/: train.*\(coco\): 3 images, 9 annotations, 3 classes/);
    expect(stdout).to.match(/0 errors, 0 warnings/);
    expect(code).to.equal(0);
  });

  it('groups what it finds, names file, ids and remedy, and exits with 1 for errors', async () => {
    const { code, stdout } = await moganet(['check-data', dataset('split_leakage')]);
    expect(code).to.equal(1);
    expect(stdout).to.match(
      /error split_leakage in train and val: 1 found\n {2}im_09\.png: train im_09\.png and val im_102\.png are equal\n {2}Remove it/,
    );
  });

  it('exits with 1 for warnings only with --strict', async () => {
    const data = dataset('near_duplicate');
    expect((await moganet(['check-data', data, '--no-images'])).code).to.equal(0);
    expect((await moganet(['check-data', data, '--no-images', '--strict'])).code).to.equal(1);
    // without --no-images the files are missing
    expect((await moganet(['check-data', data])).stdout).to.match(/error missing_file: 3 found/);
  });

  it('checks results against the data set, from a file of annotations', async () => {
    const data = dataset('results');
    const words = ['check-data', join(data, 'annotations/instances_train.json'), '--no-images', '--json'];
    const { code, stdout } = await moganet([...words, '--results', join(data, 'results.json')]);
    expect(code).to.equal(1);
    const { results, counts, splits, findings } = JSON.parse(stdout);
    expect(results).to.equal(7);
    expect(splits[0]).to.include({ images: 3, annotations: 9, categories: 3, files_checked: false });
    expect(counts).to.include({ error: 3, warning: 2 });
    const { code: first, subject, severity, count } = findings[0];
    expect({ first, subject, severity, count }).to.deep.equal({
      first: 'dt_orphan_image_id',
      subject: { result_indices: [1] },
      severity: 'error',
      count: 1,
    });
  });

  it('reads one split', async () => {
    const { stdout } = await moganet(['check-data', dataset('clean_files'), '--split', 'val', '--json']);
    expect(JSON.parse(stdout).splits.map(({ name }: { readonly name: string }) => name)).to.deep.equal(['val']);
  });

  it('says with 2 that a call is wrong, and with 1 that a file is not JSON', async () => {
    const missing = await moganet(['check-data', join(folder, 'nowhere')]);
    expect([missing.code, missing.stderr]).to.deep.equal([
      2,
      `error: ${join(folder, 'nowhere')}: there is no such file.\n`,
    ]);
    expect((await moganet(['check-data', folder, '--format', 'cocoo'])).code).to.equal(2);
    const cut = join(folder, 'instances_cut.json');
    writeFileSync(cut, '{"images":[');
    const { code, stderr } = await moganet(['check-data', cut]);
    expect(code).to.equal(1);
    expect(stderr).to.match(/instances_cut\.json: this is not JSON/);
  });

  it('reads every split of other layouts, names lines, and goes on after labels that cannot be read', async () => {
    const root = join(folder, 'yolo');
    const pixels = (value: number) =>
      encodePng({ width: 80, height: 60, data: new Uint8Array(4 * 80 * 60).fill(value) });
    const files: Readonly<Record<string, string | Uint8Array>> = {
      'data.yaml': 'path: .\ntrain: images/train\nval: images/val\nnames: [cat, dog]\n',
      'images/train/a.png': pixels(10),
      'images/train/b.png': pixels(20).subarray(0, 30),
      'images/train/c.png': pixels(30),
      'images/val/d.png': pixels(10),
      'labels/train/a.txt': '0 0.5 0.5 0.2 0.2\n\n0 0.5 0.5 0.2 0.201\n1 0.98 0.5 0.2 0.2\n7 0.5 0.5 0.1 0.1\n',
      'labels/train/b.txt': new Uint8Array([0xc3, 0x28]),
      'labels/train/c.txt': '1 0.5 0.5 0.9 0.01\n',
      'labels/val/d.txt': '1 0.5 0.5 0.2 0.2\n0 0.2 0.2 0.2 0.2\n',
    };
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), content);
    }
    const { code, stdout } = await moganet(['check-data', root]);
    expect(code).to.equal(1);
    expect(stdout).to.match(/: train \(yolo\): 2 images, 4 annotations, 2 classes/);
    expect(stdout).to.match(/error unreadable_labels in train: 1 found\n.*labels\/train\/b\.txt/);
    expect(stdout).to.match(
      /error split_leakage in train and val: 1 found\n.*images\/train\/a\.png.*images\/val\/d\.png/,
    );
    expect(stdout).to.match(
      /\n {2}labels\/train\/a\.txt, line 4: the box .* leaves the image of 80 × 60 by 6\.4 pixels/,
    );
    expect(stdout).to.match(/labels\/train\/a\.txt, line 1, labels\/train\/a\.txt, line 3 of .*: nearly the same box/);
    expect(stdout).to.match(/warning reader_notice in train: 1 found\n.*line 5: the class 7 is not one of 0 to 1/);
    expect(stdout).to.match(/labels\/train\/c\.txt, line 1: the box is 72 × 0\.6\n/);
  });

  it('prints no control characters of names', async () => {
    const file = join(folder, 'names.json');
    const document = { images: [], annotations: [], categories: [{ id: 1, name: '\u001b[2Jgone' }] };
    writeFileSync(file, JSON.stringify(document));
    const { stdout } = await moganet(['check-data', file]);
    expect(stdout).to.include('zero_instance_category');
    expect(stdout).not.to.include('\u001b[2J');
  });
});
