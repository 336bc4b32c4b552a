import { expect } from 'chai';
import { DataError } from '../../src/errors.ts';
import { imagesOf, open, picture, read } from '../harness/data_files.ts';
import { rejection } from '../harness/rejection.ts';

const box = '0 0.5 0.5 0.5 0.5\n';
const pair = { 'images/val/a.png': picture(), 'labels/val/a.txt': box };

describe("YOLO's layout", () => {
  it('reads the spellings of data.yaml', async () => {
    const configs = [
      'train: images/train\nval: images/val\nnames: [cat, dog]\n',
      '\ufeffpath: /content/datasets/pets\r\nval: images/val\r\nnames:\r\n  0: cat\r\n  1: dog\r\n',
      'path: ../datasets/pets # root\nval: images/val\nnames: {"0": cat, "1": dog}\n',
      'val: /content/datasets/pets/images/val\nnc: 2\nnames:\n  - cat\n  - dog\n',
      'val: ["images/val"]\ntest: null\nnames: [cat, dog]\ndownload: |\n  print("x")\n',
      'val: val.txt\nnames: [cat, dog]\n',
    ];
    for (const config of configs) {
      const set = await read({ 'data.yaml': config, 'val.txt': './images/val/a.png\n', ...pair });
      expect([set.format, set.split, set.classes, set.count]).to.deep.equal(['yolo', 'val', ['cat', 'dog'], 1]);
      expect(set.all[0]!.objects![0]!.box).to.deep.equal([2, 1.5, 6, 4.5]);
    }
  });

  it('names what is wrong in data.yaml', async () => {
    const faults = {
      'class 1 is missing': 'val: images/val\nnames: {0: cat, 2: dog}',
      'nc is 3, but names has 2': 'val: images/val\nnc: 3\nnames: [cat, dog]',
      'the class "cat" is there twice': 'val: images/val\nnames: [cat, cat]',
      'there is no folder or list images/test': 'val: images/test\nnames: [cat]',
      'not YAML': 'val: images/val\nnames: [cat\n',
      kpt_shape: 'val: images/val\nnames: [cat]\nkpt_shape: [3]',
      'has no names': 'val: images/val\ntrain: images/val',
      'names: class 0': 'val: images/val\nnames: [[1, 2]]',
    };
    for (const [reason, config] of Object.entries(faults)) {
      const error = await rejection(open({ 'data.yaml': config, ...pair }, { format: 'yolo' }));
      expect(error).to.be.instanceOf(DataError);
      expect(error.message).to.include('set/data.yaml').and.include(reason);
    }
  });

  it('refuses aliases that multiply, and makes nothing of tags', async () => {
    const lines = Array.from(
      { length: 12 },
      (_, i) => `a${i}: &a${i} [${i === 0 ? '1' : Array(9).fill(`*a${i - 1}`)}]`,
    );
    const bomb = `${lines.join('\n')}\nval: images/val\nnames: *a11\n`;
    expect((await rejection(open({ 'data.yaml': bomb, ...pair }))).message).to.include('set/data.yaml');
    const tagged = 'val: images/val\nnames: !!python/object/apply:os.system [cat]\n';
    expect((await open({ 'data.yaml': tagged, ...pair })).classes).to.deep.equal(['cat']);
  });

  it('gives classes whose names are those of objects in JavaScript', async () => {
    const set = await open({ 'data.yaml': 'val: images/val\nnames: {0: __proto__, 1: constructor}\n', ...pair });
    expect(set.classes).to.deep.equal(['__proto__', 'constructor']);
  });

  it('lists several configurations, and reads the one that is named', async () => {
    const files = { 'a.yaml': 'val: images/val\nnames: [a]\n', 'b.yaml': 'val: images/val\nnames: [b]\n', ...pair };
    expect((await rejection(open(files))).message).to.include('a.yaml, b.yaml');
    expect((await open(files, { annotations: 'b.yaml' })).classes).to.deep.equal(['b']);
  });

  it('says what it leaves out, and which files have no partner', async () => {
    const set = await read({
      'data.yaml': 'val: images/val\nnames: [cat]\n',
      'images/val/a.png': picture(),
      'images/val/b.png': picture(),
      'labels/val/a.txt': `${box}1 0.5 0.5 0.1 0.1\n0 0.5 0.5 0.1 0.1 0.9\n`,
      'labels/val/c.txt': box,
    });
    expect(set.all.map(({ objects }) => objects!.length)).to.deep.equal([1, 0]);
    const said = set.notices.join('\n');
    expect(said).to.include('labels/val/a.txt: line 2: the class 1 is not one of 0 to 0 (class_out_of_range)');
    expect(said).to.include('line 3').and.include('(odd_polygon)');
    expect(said).to.include('1 image has no label file, so no objects: images/val/b.png');
    expect(said).to.include('1 label files have no image: labels/val/c.txt');
  });

  it('bounds what it says', async () => {
    const lines = Array.from({ length: 50 }, (_, i) => `9 0.5 0.5 0.1 0.${100 + i}`).join('\n');
    const set = await read({
      'data.yaml': 'val: images/val\nnames: [cat]\n',
      'images/val/a.png': picture(),
      'labels/val/a.txt': lines,
    });
    expect(set.notices).to.have.length(11);
    expect(set.notices.at(-1)).to.include('40 more');
  });

  it('reads the export of CVAT, Darknet’s obj.data', async () => {
    const set = await read({
      'obj.data': 'classes = 2\ntrain = data/train.txt\nnames = data/obj.names\nbackup = backup/\n',
      'obj.names': 'cat\ndog\n',
      'train.txt': 'data/obj_train_data/a.png\n',
      'obj_train_data/a.png': picture(),
      'obj_train_data/a.txt': box,
    });
    expect([set.format, set.split, set.classes, set.count]).to.deep.equal(['yolo', 'train', ['cat', 'dog'], 1]);
    expect(set.all[0]!.objects).to.have.length(1);
  });

  it('reads the export of Label Studio: classes.txt, images and labels', async () => {
    const set = await read({
      'classes.txt': 'cat\ndog\n',
      'notes.json': '{"categories": []}',
      'images/a.png': picture(),
      'labels/a.txt': box,
    });
    expect([set.format, set.classes, set.count]).to.deep.equal(['yolo', ['cat', 'dog'], 1]);
    expect(set.all[0]!.objects).to.have.length(1);
  });

  it('reads split folders without a configuration, with the classes of the caller', async () => {
    const files = { 'images/train/b.png': picture(), 'labels/train/b.txt': box, ...pair };
    const set = await read(files, { format: 'yolo', classes: ['cat'] });
    expect([set.split, set.count]).to.deep.equal(['val', 1]);
    expect((await rejection(open(files, { format: 'yolo' }))).message).to.include('names no classes');
  });

  it('reads outlines and boxes in one file, and points with two numbers', async () => {
    const outlines = await read({
      'data.yaml': 'val: images/val\nnames: [cat]\n',
      'images/val/a.png': picture(),
      'labels/val/a.txt': `0 0.25 0 0.75 0 0.75 0.5\n${box}`,
    });
    expect(outlines.kinds).to.deep.equal(['objects', 'masks']);
    expect(outlines.all[0]!.objects![0]!.polygons).to.deep.equal([[2, 0, 6, 0, 6, 3]]);
    expect(outlines.all[0]!.objects![1]!.mask).to.equal(undefined);
    const pose = await read({
      'data.yaml': 'val: images/val\nnames: [cat]\nkpt_shape: [2, 2]\n',
      'images/val/a.png': picture(),
      'labels/val/a.txt': '0 0.5 0.5 0.5 0.5 0.25 0.5 0 0\n',
    });
    expect(pose.kinds).to.deep.equal(['objects', 'keypoints']);
    expect(pose.all[0]!.objects![0]!.keypoints).to.deep.equal([
      [2, 3, 2],
      [0, 0, 0],
    ]);
  });

  it('has the names of keypoints if the file states them, and else their numbers', async () => {
    const keypoints = async (more: string) => {
      const yaml = `val: images/val\nnames: [cat]\nkpt_shape: [2, 3]\n${more}`;
      return (await open({ 'data.yaml': yaml, 'images/val/a.png': picture() })).keypoints;
    };
    const named = { names: ['nose', 'tail'], skeleton: [] };
    expect(await keypoints('kpt_names:\n  0:\n    - nose\n    - tail\n')).to.deep.equal(named);
    expect(await keypoints('kpt_names: [nose, tail]\n')).to.deep.equal(named);
    expect(await keypoints('')).to.deep.equal({ names: ['0', '1'], numbered: true, skeleton: [] });
    const { message } = await rejection(keypoints('kpt_names: [nose]\n'));
    expect(message).to.match(/data\.yaml: kpt_names: must be 2 names/);
  });

  it('names an image that is none when it is reached', async () => {
    const set = await open({
      'data.yaml': 'val: images/val\nnames: [cat]\n',
      'images/val/a.png': 'hello',
      'labels/val/a.txt': box,
    });
    const error = await rejection(imagesOf(set));
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('set/images/val/a.png');
  });
});
