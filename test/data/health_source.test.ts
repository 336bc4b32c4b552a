import { expect } from 'chai';
import { memoryFolder } from '../../src/data/folder.ts';
import { checkHealth } from '../../src/data/health.ts';
import { subjectOf } from '../../src/data/health_findings.ts';
import { type HealthSourceOptions, openHealthSource } from '../../src/data/health_source.ts';
import { openDataset } from '../../src/data/open.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import { encodeGrey16Png, encodePng } from '../../src/formats/png_write.ts';
import { decodeImage } from '../../src/node.ts';

type Files = Readonly<Record<string, string | Uint8Array | object>>;

const size = { width: 40, height: 30 };
const png = (value = 0) => encodePng({ ...size, data: new Uint8Array(4 * 40 * 30).fill(value) });

function folderOf(files: Files) {
  const bytes = (content: Files[string]) => {
    if (content instanceof Uint8Array) return content;
    return new TextEncoder().encode(typeof content === 'string' ? content : JSON.stringify(content));
  };
  return memoryFolder(new Map(Object.entries(files).map(([path, content]) => [path, bytes(content)])), 'set');
}

async function check(files: Files, options?: HealthSourceOptions) {
  const { format, splits } = await openHealthSource(folderOf(files), options);
  const report = await checkHealth(splits, { decode: decodeImage });
  const findings = report.findings.filter(({ severity }) => severity !== 'information');
  return { format, splits: report.splits.map(({ name }) => name), findings };
}

const texts = ({ findings }: Awaited<ReturnType<typeof check>>) =>
  findings.flatMap(({ code, examples }) => examples.map(({ text }) => `${code}: ${text}`));

const documentOf = (...names: readonly string[]) => ({
  images: names.map((name, i) => ({ id: i + 1, file_name: name, ...size })),
  annotations: [],
  categories: [],
});

describe('a data set that is opened to be checked', () => {
  it('of COCO has every split, with the files that belong to it', async () => {
    const files = {
      'annotations/instances_train2017.json': documentOf('a.png', 'b.png'),
      'annotations/instances_val2017.json': documentOf('c.png'),
      'train2017/a.png': png(1),
      'train2017/b.png': png(2),
      'val2017/c.png': png(2),
    };
    const { format, splits, findings } = await check(files);
    expect([format, splits]).to.deep.equal(['coco', ['train2017', 'val2017']]);
    expect(findings.map((finding) => Object.fromEntries(subjectOf(finding)))).to.deep.equal([
      { train2017_image_ids: [2], val2017_image_ids: [1] },
    ]);
    expect((await check(files, { splits: ['val'] })).splits).to.deep.equal(['val2017']);
    const twice = await openHealthSource(folderOf(files), { splits: ['val', 'val'] }).catch((error: unknown) => error);
    expect(twice).to.be.instanceOf(ConfigError);
  });

  it('reads no file outside of the data set', async () => {
    const names = ['../secret.png', '/etc/a.png', 'a\u0000.png', 'sub/../../x.png'];
    const result = await check({ 'set.json': documentOf(...names), 'a.png': png() });
    expect(texts(result)).to.deep.equal([
      // a path of another machine: only its end can be right
      'missing_file: image 3: a\u0000.png does not exist',
      'unreadable_image: image 1: "../secret.png" is outside of the data set.',
      'unreadable_image: image 4: "sub/../../x.png" is outside of the data set.',
    ]);
  });

  it('has label maps beside the images: values that no class has, and other sizes', async () => {
    const map = (value: number, width = 40) =>
      encodeGrey16Png({ width, height: 30, labels: new Uint16Array(width * 30).fill(value) });
    const result = await check({
      'instances.json': documentOf('a.png', 'b.png', 'c.png'),
      'classes.json': { labels: ['sky', 'wall'], ignore: 255 },
      ...{ 'images/a.png': png(1), 'images/b.png': png(2), 'images/c.png': png(3) },
      ...{ 'labels/a.png': map(7), 'labels/b.png': map(255), 'labels/c.png': map(0, 39) },
    });
    const [unknown, other, ...more] = texts(result);
    expect(unknown).to.equal(
      'unreadable_labels: images/a.png: its label map has values that no class has: 7 (1200 pixels).',
    );
    expect(other).to.match(/^unreadable_labels: set\/labels\/c\.png: /);
    expect(more).to.deep.equal([]);
  });

  it('is not a file of results, and not nothing', async () => {
    const fault = (files: Files, options?: HealthSourceOptions) =>
      openHealthSource(folderOf(files), options).then(
        () => expect.fail('opened'),
        (error: unknown) => error as Error,
      );
    const results = await fault({ 'r.json': '[]' }, { annotations: 'r.json' });
    expect(results).to.be.instanceOf(DataError);
    expect(results.message).to.match(/set\/r\.json: this is a list, as in files of results/);
    expect(await fault({ 'readme.md': 'x' })).to.be.instanceOf(DataError);
    expect((await fault({}, { annotations: 'x.json' })).message).to.match(/x\.json: there is no such annotation file/);
  });

  it('of another layout goes on after an image whose labels cannot be read', async () => {
    const xml = (name: string, box: string) =>
      `<annotation><filename>${name}</filename><size><width>40</width><height>30</height></size><object><name>cat</name><bndbox>${box}</bndbox></object></annotation>`;
    const box = (x: number) => `<xmin>${x}</xmin><ymin>2</ymin><xmax>20</xmax><ymax>20</ymax>`;
    const files = {
      'Annotations/a.xml': xml('a.png', box(1)),
      'Annotations/b.xml': '<annotation><object>',
      'Annotations/c.xml': xml('c.png', box(-9)),
      'JPEGImages/a.png': png(1),
      'JPEGImages/b.png': png(2),
    };
    const result = await check(files);
    const [labels, missing, bounds, notice, ...more] = texts(result);
    expect(labels).to.match(/^unreadable_labels: set\/Annotations\/b\.xml: line 1/);
    expect(missing).to.equal('missing_file: image 2: Annotations/c.png does not exist');
    expect(bounds).to.match(
      /^bbox_out_of_bounds: Annotations\/c\.xml, object 1: .* leaves the image of 40 × 30 by 10 pixels$/,
    );
    expect(notice).to.match(/^reader_notice: Annotations\/c\.xml: its image/);
    expect(more).to.deep.equal([]);
    // without somebody who hears of it, the fault ends the reading
    const set = await openDataset(folderOf(files));
    const read: string[] = [];
    const ended = await (async () => {
      for await (const { file } of set.images()) read.push(file);
    })().catch((error: unknown) => error);
    expect(ended).to.be.instanceOf(DataError);
    expect(read).to.deep.equal(['JPEGImages/a.png']);
  });

  it('of YOLO goes on if a split is not there, and says so', async () => {
    const files = {
      'data.yaml': 'train: images/train\nval: images/val\nnames: [cat]\n',
      'images/train/a.png': png(1),
      'labels/train/a.txt': '0 0.5 0.5 0.5 0.5\n',
    };
    const result = await check(files);
    expect(result.splits).to.deep.equal(['train', 'val']);
    expect(texts(result).join()).to.match(/unreadable_labels: .*data\.yaml: there is no folder or list images\/val/);
    expect(texts(await check(files, { splits: ['train'] }))).to.deep.equal([]);
    const named = await check(files, { splits: ['val'] }).catch((error: unknown) => error);
    expect(named).to.be.instanceOf(DataError);
  });

  it('of folders per class has splits, and no classes without annotations', async () => {
    const files = {
      'train/cat/a.png': png(1),
      'train/dog/b.png': png(2),
      'val/cat/c.png': png(1),
      'val/dog/d.png': png(3),
    };
    const result = await check(files);
    expect([result.format, result.splits]).to.deep.equal(['class_folders', ['train', 'val']]);
    expect(result.findings.map(({ code }) => code)).to.deep.equal(['split_leakage']);
  });
});
