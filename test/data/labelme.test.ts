import { expect } from 'chai';
import { cocoKeypoints } from '../../src/datasets/keypoints.ts';
import { DataError } from '../../src/errors.ts';
import { imagesOf, labelPng, open, picture, read } from '../harness/data_files.ts';
import { rejection } from '../harness/rejection.ts';

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

const labelme = (shapes: readonly object[], more: object = {}): string =>
  JSON.stringify({
    version: '5.4.1',
    flags: {},
    shapes,
    imagePath: 'a.png',
    imageData: null,
    imageHeight: 6,
    imageWidth: 8,
    ...more,
  });

const rectangle = {
  label: 'cat',
  points: [
    [5, 4],
    [1, 2],
  ],
  group_id: null,
  shape_type: 'rectangle',
  flags: {},
};

describe("labelme's layout", () => {
  it('finds the image beside, in a sibling, and by the name of the JSON; never further outside', async () => {
    const cases = [
      ['C:\\Users\\me\\a.png', 'set/a.png', 'a.png'],
      ['..\\pictures\\a.png', 'set/a.png', 'a.png'],
      ['../other/a.png', 'set/a.jpg', 'a.jpg'],
      ['', 'set/a.jpeg', 'a.jpeg'],
    ] as const;
    for (const [imagePath, place, file] of cases) {
      const set = await read({ 'a.json': labelme([rectangle], { imagePath }), [place.slice(4)]: picture() });
      expect(set.format).to.equal('labelme');
      expect(set.all[0]!.file).to.equal(file);
      expect(set.all[0]!.objects![0]!.polygons).to.deep.equal([[1, 2, 5, 2, 5, 4, 1, 4]]);
    }
    const outside = await read({ 'a.json': labelme([rectangle], { imagePath: '../../../etc/passwd' }) });
    expect(outside.notices.join()).to.include('a.json: its image ../../../etc/passwd is not there');
    expect((await rejection(outside.all[0]!.bytes())).message).to.include('set/passwd');
  });

  it('joins shapes of one label and group, masks among them', async () => {
    const mask = {
      label: 'cat',
      points: [
        [6, 1],
        [7, 1],
      ],
      group_id: 3,
      shape_type: 'mask',
      mask: base64(labelPng([1, 1])),
    };
    const set = await read({
      'a.json': labelme([{ ...rectangle, group_id: 3 }, mask, { ...rectangle, label: 'dog', group_id: 3 }]),
      'a.png': picture(),
    });
    const [cat, dog] = set.all[0]!.objects!;
    expect(set.all[0]!.objects).to.have.length(2);
    expect(cat).to.include({ label: 0, area: 10 });
    expect(cat!.box).to.deep.equal([1, 1, 8, 4]);
    expect(cat!.polygons).to.equal(undefined);
    expect([...cat!.mask!.counts].filter((_, i) => i % 2 === 1).reduce((a, b) => a + b)).to.equal(10);
    expect(dog).to.include({ label: 1, area: 8 });
  });

  describe('with points', () => {
    const point = (label: string, group_id: number | string | null, x = 3, y = 3) => ({
      label,
      points: [[x, y]],
      group_id,
      shape_type: 'point',
    });
    const grouped = { ...rectangle, group_id: 1 };

    it('takes those of its group as the keypoints of an object, from edges to middles of pixels', async () => {
      const other = { ...rectangle, label: 'dog', group_id: '1' };
      const shapes = [point('nose', 1), point('left_eye', 1, 4, 2), grouped, other, rectangle, point('alone', null)];
      const set = await read({ 'a.json': labelme(shapes), 'a.png': picture() });
      expect(set.kinds).to.deep.equal(['objects', 'masks', 'keypoints']);
      expect(set.classes).to.deep.equal(['cat', 'dog']);
      const [cat, dog, alone] = set.all[0]!.objects!;
      // all names are COCO's, so the others are there, and the skeleton
      expect(set.keypoints).to.deep.equal({ names: cocoKeypoints.names, skeleton: cocoKeypoints.skeleton });
      expect(cat!.keypoints).to.have.length(17);
      expect(cat!.keypoints!.slice(0, 3)).to.deep.equal([
        [2.5, 2.5, 2],
        [3.5, 1.5, 2],
        [0, 0, 0],
      ]);
      expect([dog!.keypoints, alone!.keypoints]).to.deep.equal([undefined, undefined]);
      expect(set.notices).to.deep.equal([]);
    });

    it('has their names in order if they are not those of COCO, also with a list of classes', async () => {
      const files = {
        'a.json': labelme([grouped, point('toe', 1)]),
        'b.json': labelme([grouped, point('nose', 1)]),
        'a.png': picture(),
        'labels.txt': 'cat\n',
      };
      const set = await read(files);
      expect([set.classes, set.keypoints?.names]).to.deep.equal([['cat'], ['nose', 'toe']]);
      expect(set.all.map(({ objects }) => objects![0]!.keypoints)).to.deep.equal([
        [
          [0, 0, 0],
          [2.5, 2.5, 2],
        ],
        [
          [2.5, 2.5, 2],
          [0, 0, 0],
        ],
      ]);
    });

    it('says which of them belong to no object, or to several, and leaves them out', async () => {
      const twice = [grouped, { ...grouped, label: 'dog' }, point('tail', 1)];
      const shapes = [
        ...twice,
        { ...rectangle, group_id: 2 },
        point('tail', 2),
        point('tail', 2, 5, 5),
        point('tail', 3),
      ];
      const set = await read({ 'a.json': labelme(shapes), 'a.png': picture() });
      const [cat, dog, second] = set.all[0]!.objects!;
      expect([cat!.keypoints, dog!.keypoints]).to.deep.equal([undefined, undefined]);
      expect(second!.keypoints).to.deep.equal([[2.5, 2.5, 2]]);
      expect(set.notices).to.deep.equal([
        'set/a.json: shape 3 (tail): its group 1 has 2 objects, so the point is left out.',
        'set/a.json: shape 6 (tail): its group 2 has another of this name, so the point is left out.',
        'set/a.json: shape 7 (tail): its group 3 has no object, so the point is left out.',
      ]);
    });
  });

  it('reads the image inside the file, whose header states the size', async () => {
    const set = await read({
      'a.json': labelme([rectangle], {
        imageData: base64(picture(8, 6)),
        imageHeight: undefined,
        imageWidth: undefined,
      }),
    });
    expect(set.all[0]!.size).to.deep.equal({ width: 8, height: 6 });
    expect(await set.all[0]!.bytes()).to.deep.equal(picture(8, 6));
  });

  it('leaves out shapes whose label is not listed, and says so', async () => {
    const set = await read({
      'a.json': labelme([rectangle, { ...rectangle, label: 'dog' }]),
      'a.png': picture(),
      'labels.txt': '__ignore__\n_background_\ncat\n',
    });
    expect(set.classes).to.deep.equal(['cat']);
    expect(set.all[0]!.objects).to.have.length(1);
    expect(set.notices.join()).to.include('a.json: the label "dog" is not in the list of classes');
  });

  it('names file and shape of what it cannot read', async () => {
    const faults: Readonly<Record<string, object>> = {
      'a polygon has at least three points, got 2': { ...rectangle, shape_type: 'polygon' },
      'points[1]: must be two numbers': { ...rectangle, points: [[1, 2], [3]] },
      'label: must be a text': { ...rectangle, label: null },
      'the mask is 2×1, but its points span 3×1 pixels': {
        label: 'cat',
        points: [
          [1, 1],
          [3, 1],
        ],
        shape_type: 'mask',
        mask: base64(labelPng([1, 1])),
      },
      'invalid base64': {
        label: 'cat',
        points: [
          [1, 1],
          [3, 1],
        ],
        shape_type: 'mask',
        mask: '%%%',
      },
      'has no mask': {
        label: 'cat',
        points: [
          [1, 1],
          [3, 1],
        ],
        shape_type: 'mask',
      },
      'is not a coordinate': {
        ...rectangle,
        points: [
          [1, 2],
          [1e9, 3],
        ],
      },
    };
    for (const [reason, shape] of Object.entries(faults)) {
      const set = await open({ 'a.json': labelme([rectangle, shape]), 'a.png': picture() }, { classes: ['cat'] });
      const error = await rejection(imagesOf(set));
      expect(error).to.be.instanceOf(DataError);
      expect(error.message).to.include('set/a.json: shape 2').and.include(reason);
    }
    const broken = await open({ 'a.json': labelme([rectangle]), 'b.json': '{"shapes": [', 'a.png': picture() });
    expect((await rejection(imagesOf(broken))).message).to.include('set/b.json');
  });

  it('reads split folders and says which images have no labels', async () => {
    const files = {
      'train/a.json': labelme([rectangle]),
      'train/a.png': picture(),
      'val/a.json': labelme([{ ...rectangle, label: 'dog' }]),
      'val/a.png': picture(),
      'val/b.png': picture(),
    };
    const set = await read(files);
    expect([set.format, set.split, set.classes, set.count]).to.deep.equal(['labelme', 'val', ['dog'], 1]);
    expect(set.notices.join()).to.include('1 image has no JSON and is left out: val/b.png');
  });
});
