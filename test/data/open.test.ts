import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { memoryFolder, openDataset as openFiles } from '../../src/data/index.ts';
import { openDataset } from '../../src/data_node.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import { type Files, filesOf, imagesOf, open, picture } from '../harness/data_files.ts';
import { rejection } from '../harness/rejection.ts';

const coco = JSON.stringify({
  images: [{ id: 1, file_name: 'a.png', width: 8, height: 6 }],
  annotations: [],
  categories: [{ id: 1, name: 'cat' }],
});
const files: Files = { 'annotations/instances_val.json': coco, 'images/a.png': picture() };

describe('openDataset', () => {
  it('reads the files that the user of a page chose', async () => {
    const chosen = [...filesOf(files)].map(([path, bytes]) =>
      Object.assign(new Blob([new Uint8Array(bytes)]), {
        name: path.split('/').at(-1)!,
        webkitRelativePath: `my set/${path}`,
      }),
    );
    const set = await openFiles(chosen);
    expect([set.name, set.format, set.count]).to.deep.equal(['my set', 'coco', 1]);
    const [image] = await imagesOf(set);
    expect(image!.file).to.equal('images/a.png');
    expect(await image!.bytes()).to.deep.equal(picture());
  });

  it('reads a Map of files by path, and Blobs in it', async () => {
    const set = await openFiles(new Map(Object.entries({ '.\\x.json': new Blob([coco]), 'a.png': picture() })));
    expect([set.format, (await imagesOf(set))[0]!.file]).to.deep.equal(['coco', 'a.png']);
  });

  it('looks into the only folder of a folder, and passes over what systems put there', async () => {
    const inner = Object.fromEntries(
      Object.entries(files).map(([path, content]) => [`download/set v1/${path}`, content]),
    );
    const set = await open({ ...inner, '__MACOSX/._x': 'x', '.DS_Store': 'x', 'Thumbs.db': 'x' });
    expect([set.format, (await imagesOf(set))[0]!.file]).to.deep.equal(['coco', 'download/set v1/images/a.png']);
  });

  it('says what is in a folder that is no data set, and which layouts there are', async () => {
    const error = await rejection(open({ 'notes.md': 'x', 'b/c.md': 'x' }));
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('b/, notes.md').and.include('data.yaml');
    expect((await rejection(open({}))).message).to.include('The folder is empty');
  });

  it('says that another layout fits, too, and reads the one that is asked for', async () => {
    const both = { ...files, 'data.yaml': 'val: images\nnames: [cat]\n' };
    const set = await open(both);
    expect(set.format).to.equal('yolo');
    expect(set.notices.join()).to.include('can also be read as coco');
    expect((await open(both, { format: 'coco' })).format).to.equal('coco');
    expect((await rejection(open(files, { format: 'voc' }))).message).to.include('set');
    // folders of label maps look like folders of classes, which nobody means
    const maps = await open({ 'img_dir/val/a.png': picture(), 'ann_dir/val/a.png': picture(), 'classes.txt': 'sky\n' });
    expect([maps.format, maps.notices]).to.deep.equal(['segment_folders', []]);
  });

  it('names options that do not exist, and what it cannot open', async () => {
    const wrong = [
      [() => openFiles(filesOf(files), { splt: 'val' } as object), 'Did you mean "split"?'],
      [() => openFiles(filesOf(files), { format: 'cocoo' } as object), 'Did you mean "coco"?'],
      [() => openFiles('folder' as unknown as Map<string, Uint8Array>), 'A path is read in Node'],
      [
        () => openFiles(new Map([['a', 1]]) as unknown as Map<string, Uint8Array>),
        'must be a Uint8Array, Blob or File',
      ],
      [() => openFiles(null as unknown as Map<string, Uint8Array>), 'got null'],
    ] as const;
    for (const [call, text] of wrong) {
      const error = await rejection(call());
      expect(error).to.be.instanceOf(ConfigError);
      expect(error.message).to.include(text);
    }
  });

  it('refuses labels of sizes that no image has', async () => {
    const huge = coco.replace('"width":8', '"width":800000000');
    const set = await openFiles(filesOf({ 'instances.json': huge, 'a.png': picture() })).catch((error: Error) => error);
    const error = set instanceof Error ? set : await rejection(imagesOf(set));
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('instances.json');
  });
});

describe('openDataset in Node', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'moganet-data-'));
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(root, 'set', path)), { recursive: true });
      writeFileSync(join(root, 'set', path), content);
    }
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  it('opens a folder, a file: URL and an annotation file', async () => {
    const folder = join(root, 'set');
    for (const ref of [folder, `${folder}/`, pathToFileURL(folder), join(folder, 'annotations/instances_val.json')]) {
      const set = await openDataset(ref);
      expect([set.format, set.split, set.count]).to.deep.equal(['coco', 'val', 1]);
      const [image] = await imagesOf(set);
      expect(image!.file).to.equal('images/a.png');
      expect(Uint8Array.from(await image!.bytes())).to.deep.equal(picture());
    }
  });

  it('reads the annotation file that is named, whichever lie beside it, also with options that are undefined', async () => {
    writeFileSync(join(root, 'set/annotations/other.json'), coco.replace('"cat"', '"dog"'));
    for (const options of [{}, { annotations: undefined, split: undefined }]) {
      const set = await openDataset(join(root, 'set/annotations/other.json'), options);
      expect(set.classes).to.deep.equal(['dog']);
    }
  });

  it('follows links to other disks', async () => {
    rmSync(join(root, 'set/images'), { recursive: true });
    mkdirSync(join(root, 'disk'));
    writeFileSync(join(root, 'disk/a.png'), picture());
    symlinkSync(join(root, 'disk'), join(root, 'set/images'));
    symlinkSync(join(root, 'nowhere'), join(root, 'set/broken'));
    const [image] = await imagesOf(await openDataset(join(root, 'set')));
    expect((await image!.bytes()).length).to.equal(picture().length);
  });

  it('ends at a link to a folder above itself', async () => {
    const loop = join(root, 'loop');
    mkdirSync(join(loop, 'cat'), { recursive: true });
    symlinkSync(loop, join(loop, 'cat/again'));
    expect((await rejection(openDataset(loop))).message).to.include('nested deeper than');
  });

  it('refuses an archive, and files that list nothing, instead of reading the folder around them', async () => {
    for (const [name, fact] of [
      ['set.zip', 'Unpack it'],
      ['set.tar.gz', 'Unpack it'],
      ['a.png', 'Give the folder'],
    ] as const) {
      const file = join(root, 'set', name);
      writeFileSync(file, 'x');
      const error = await rejection(openDataset(file));
      expect(error).to.be.instanceOf(DataError);
      expect(error.message).to.include(name).and.to.include(fact);
    }
  });

  it('says that there is no such folder, and which file is missing', async () => {
    expect((await rejection(openDataset(join(root, 'sett')))).message).to.include('there is no such folder');
    expect((await rejection(openDataset(''))).message).to.include('empty path');
    rmSync(join(root, 'set/images/a.png'));
    const [image] = await imagesOf(await openDataset(join(root, 'set')));
    expect((await rejection(image!.bytes())).message).to.include('a.png: there is no such file');
  });
});

describe('memoryFolder', () => {
  it('lists its folders and reads the beginnings of files', async () => {
    const folder = memoryFolder(filesOf({ 'a/b/c.txt': 'hello', 'd.txt': 'x' }), 'mine');
    expect(await folder.list('')).to.deep.equal([
      { name: 'a', kind: 'folder' },
      { name: 'd.txt', kind: 'file' },
    ]);
    expect(await folder.list('a/b')).to.deep.equal([{ name: 'c.txt', kind: 'file' }]);
    expect(await folder.list('x')).to.deep.equal([]);
    expect(new TextDecoder().decode(await folder.read('a/b/c.txt', 4))).to.equal('hell');
    expect((await rejection(folder.read('x'))).message).to.equal('mine/x: there is no such file.');
  });
});

describe('folders that look like others', () => {
  const recognised = async (content: Files): Promise<string> =>
    (await open(content).catch(({ message }: Error) => ({ format: message }))).format;

  it('are no folders of classes if they are images without labels', async () => {
    expect(await recognised({ 'images/a.jpg': picture() })).to.include('no data set recognised');
    expect(await recognised({ 'train/a.jpg': picture(), 'val/b.jpg': picture() })).to.include('no data set recognised');
    expect(await recognised({ 'a/1.jpg': picture(), 'b/1.jpg': picture() })).to.equal('class_folders');
    expect((await openFiles(filesOf({ 'a/1.jpg': picture() }), { format: 'class_folders' })).classes).to.deep.equal([
      'a',
    ]);
  });

  it('are of YOLO if there are its labels, whose classes somebody must name', async () => {
    const yolo = { 'images/train/a.png': picture(), 'labels/train/a.txt': '0 0.5 0.5 0.1 0.1\n' };
    expect(await recognised(yolo)).to.include('names no classes');
    expect((await open(yolo, { classes: ['cat'] })).format).to.equal('yolo');
  });

  it('are label maps if classes.json names them and there are no objects', async () => {
    const set = await open({
      'images/a.jpg': picture(),
      'labels/a.png': picture(),
      'classes.json': '{"labels": ["sky", "ground"], "ignore": 7}',
    });
    expect([set.format, set.labelClasses, set.ignore]).to.deep.equal(['segment_folders', ['sky', 'ground'], 7]);
  });
});
