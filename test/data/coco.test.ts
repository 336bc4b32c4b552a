import { expect } from 'chai';
import { DataError } from '../../src/errors.ts';
import { labelPng, open, picture, read } from '../harness/data_files.ts';
import { rejection } from '../harness/rejection.ts';

const square = { id: 1, image_id: 1, category_id: 1, bbox: [1, 1, 2, 2], area: 4 };
const categories = [{ id: 1, name: 'cat' }];

/** An annotation file whose images have these names. */
const coco = (names: readonly string[], more: object = {}): string =>
  JSON.stringify({
    images: names.map((file_name, i) => ({ id: i + 1, file_name, width: 8, height: 6 })),
    annotations: [square],
    categories,
    ...more,
  });

describe("COCO's layout", () => {
  it('finds images in the folder of the split, whatever it is called', async () => {
    const places = [
      'images/val2017/a.png',
      'val2017/a.png',
      'images/a.png',
      'a.png',
      'annotations/a.png',
      'data/a.png',
      'other/x/a.png',
    ];
    for (const place of places) {
      const set = await read({ 'annotations/instances_val2017.json': coco(['a.png']), [place]: picture() });
      expect(set.format).to.equal('coco');
      expect(set.split).to.equal('val2017');
      expect(set.all[0]!.file).to.equal(place);
      expect(set.notices).to.deep.equal([]);
    }
  });

  it('finds images that are spread over several folders', async () => {
    const set = await read({
      'annotations/instances_minival.json': coco(['a.png', 'b.png']),
      'train2017/a.png': picture(),
      'val2017/b.png': picture(),
    });
    expect(set.all.map(({ file }) => file)).to.deep.equal(['train2017/a.png', 'val2017/b.png']);
  });

  it('finds names with back slashes, other accents and endings in capitals, and ends of longer paths', async () => {
    const set = await read({
      'instances.json': coco(['.\\deep\\a.PNG', 'gro\u0308ße.png', 'data/set/images/c.png']),
      'images/deep/a.png': picture(),
      'images/größe.png': picture(),
      'images/c.png': picture(),
    });
    expect(set.all.map(({ file }) => file)).to.deep.equal(['images/deep/a.png', 'images/größe.png', 'images/c.png']);
  });

  it('computes the box of keypoints that are visible, however many there are', async () => {
    const keypoints = Array.from({ length: 200_000 }, (_, i) => [i % 7, i % 5, i % 3]).flat();
    const annotation = { id: 1, image_id: 1, category_id: 1, keypoints: [99, 99, 0, ...keypoints] };
    const set = await read({ 'instances.json': coco(['a.png'], { annotations: [annotation] }), 'a.png': picture() });
    expect(set.all[0]!.objects?.map(({ box }) => box)).to.deep.equal([[0, 0, 6, 4]]);
  });

  it('refuses names that leave the folder', async () => {
    const error = await rejection(open({ 'a/instances.json': coco(['../../secret.png']), 'secret.png': picture() }));
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('secret.png');
  });

  it('says which images are missing, which have no labels, and names the missing file when it is read', async () => {
    const set = await read({
      'instances.json': coco(['a.png', 'b.png']),
      'images/a.png': picture(),
      'images/c.png': picture(),
    });
    expect(set.count).to.equal(2);
    expect(set.notices.join('\n')).to.include('images/b.png').and.include('images/c.png');
    const error = await rejection(set.all[1]!.bytes());
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('set/images/b.png');
  });

  it('reads Roboflow’s split folders, the validation split by default', async () => {
    const files = {
      'train/_annotations.coco.json': coco(['t.jpg']),
      'train/t.jpg': picture(),
      'valid/_annotations.coco.json': coco(['v.jpg']),
      'valid/v.jpg': picture(),
      'README.roboflow.txt': 'exported',
    };
    const set = await read(files);
    expect([set.split, set.all[0]!.file]).to.deep.equal(['valid', 'valid/v.jpg']);
    expect(set.notices.join()).to.include('"valid" is read, of train, valid');
    expect((await read(files, { split: 'train' })).all[0]!.file).to.equal('train/t.jpg');
    expect((await read(files, { split: 'val' })).split).to.equal('valid');
    expect((await rejection(open(files, { split: 'tain' }))).message).to.include('Did you mean "train"?');
  });

  it('prefers instances to keypoints, and reads what is named', async () => {
    const files = {
      'annotations/person_keypoints_val2017.json': coco(['a.png'], { categories: [{ id: 1, name: 'person' }] }),
      'annotations/instances_val2017.json': coco(['a.png']),
      'annotations/captions_val2017.json': coco(['a.png']),
      'val2017/a.png': picture(),
    };
    expect((await open(files)).classes).to.deep.equal(['cat']);
    expect((await open(files)).notices.join()).to.include('person_keypoints_val2017.json');
    expect((await open(files, { annotations: 'annotations/person_keypoints_val2017.json' })).classes).to.deep.equal([
      'person',
    ]);
    const pose = await open(files, { task: 'pose' });
    expect(pose.classes).to.deep.equal(['person']);
    expect(pose.notices.join()).to.include('instances_val2017.json');
  });

  it('reads the file without a split before others, and says which splits there are', async () => {
    const set = await open({
      'instances.json': coco(['a.png']),
      'train.json': coco(['a.png']),
      'images/a.png': picture(),
    });
    expect([set.split, set.coco!.images.length]).to.deep.equal([undefined, 1]);
    expect(set.notices.join()).to.include('instances.json is read; there are also the splits train');
  });

  it('refuses panoptic annotations and says what to use', async () => {
    const panoptic = JSON.stringify({
      images: [],
      annotations: [{ segments_info: [], image_id: 1, file_name: 'a.png' }],
      categories,
    });
    const error = await rejection(open({ 'annotations/panoptic_val2017.json': panoptic, 'val2017/a.png': picture() }));
    expect(error).to.be.instanceOf(DataError);
    expect(error.message).to.include('panoptic').and.include('instances_');
  });

  it('reads label maps beside the objects', async () => {
    const set = await read({
      'instances.json': coco(['a.png', 'b.png']),
      'classes.json': JSON.stringify({ labels: ['sky', 'ground'], ignore: 9 }),
      'images/a.png': picture(2, 1),
      'images/b.png': picture(8, 6),
      'labels/a.png': labelPng(...Array.from({ length: 6 }, () => [0, 1, 9, 0, 0, 0, 0, 0])),
    });
    expect(set.kinds).to.deep.equal(['objects', 'labels']);
    expect([set.labelClasses, set.ignore]).to.deep.equal([['sky', 'ground'], 9]);
    const map = await set.all[0]!.labels!();
    expect([...map.labels.slice(0, 3)]).to.deep.equal([0, 1, 9]);
    expect((await rejection(set.all[1]!.labels!())).message).to.include('images/b.png');
    expect(set.notices.join()).to.include('1 image has no label map: images/b.png');
  });

  it('tells label maps of one name in several folders apart', async () => {
    const mapOf = (label: number) => labelPng(...Array.from({ length: 6 }, () => new Array<number>(8).fill(label)));
    const files = {
      'classes.json': JSON.stringify({ labels: ['sky', 'ground', 'wall'] }),
      'images/a/1.png': picture(),
      'images/b/1.png': picture(),
    };
    const names = ['a/1.png', 'b/1.png'];
    const folders = await read({
      ...files,
      'instances.json': coco(names),
      'labels/a/1.png': mapOf(1),
      'labels/b/1.png': mapOf(2),
    });
    const firsts = await Promise.all(folders.all.map(async ({ labels }) => (await labels!()).labels[0]));
    expect(firsts).to.deep.equal([1, 2]);
    // of the two, none is surely that of c/1.png
    const other = { ...files, 'images/c/1.png': picture(), 'instances.json': coco(['c/1.png']) };
    const unclear = await read({ ...other, 'labels/a/1.png': mapOf(1), 'labels/b/1.png': mapOf(2) });
    expect(unclear.notices.join()).to.include('images/c/1.png');
    await rejection(unclear.all[0]!.labels!());
    const alone = await read({ ...other, 'labels/deep/1.png': mapOf(2) });
    expect((await alone.all[0]!.labels!()).labels[0]).to.equal(2);
  });

  it('refuses a label map of another size', async () => {
    const set = await read({
      'instances.json': coco(['a.png']),
      'classes.json': JSON.stringify({ labels: ['sky'] }),
      'images/a.png': picture(),
      'labels/a.png': labelPng([0, 0]),
    });
    expect((await rejection(set.all[0]!.labels!())).message)
      .to.include('2×1')
      .and.include('8×6');
  });

  it('measures what the file does not state on the mask, and sizes on the image', async () => {
    const annotations = [{ id: 1, image_id: 1, category_id: 1, segmentation: [[1, 1, 4, 1, 4, 4, 1, 4]] }];
    const images = [{ id: 1, file_name: 'a.png' }];
    const set = await read({
      'instances.json': JSON.stringify({ images, annotations, categories }),
      'images/a.png': picture(8, 6),
    });
    const [image] = set.all;
    expect(image!.size).to.deep.equal({ width: 8, height: 6 });
    expect(image!.objects![0]!.box).to.deep.equal([1, 1, 4, 4]);
    expect(image!.objects![0]!.area).to.equal(9);
    expect(set.kinds).to.deep.equal(['objects', 'masks']);
  });

  it('gives classes whose names are those of objects in JavaScript', async () => {
    const set = await open({
      'instances.json': coco(['a.png'], {
        categories: [
          { id: 1, name: '__proto__' },
          { id: 2, name: 'constructor' },
        ],
      }),
      'a.png': picture(),
    });
    expect(set.classes).to.deep.equal(['__proto__', 'constructor']);
  });

  it('can be read several times', async () => {
    const set = await read({ 'instances.json': coco(['a.png']), 'a.png': picture() });
    let count = 0;
    for await (const { objects } of set.images()) count += objects?.length ?? 0;
    expect(count).to.equal(1);
  });
});
