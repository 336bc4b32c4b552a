import { expect } from 'chai';
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
