import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import * as library from 'moganet';
import { type BoxesChoice, readBoxes } from '../../src/cli/boxes.ts';
import { UsageError } from '../../src/cli/failure.ts';
import type { Library } from '../../src/cli/model.ts';
import { useFolder } from '../harness/command_line.ts';

describe('a file of boxes', () => {
  const folder = useFolder();
  const path = join(folder, 'boxes.json');
  const read = (value: unknown, files: readonly string[], choice: Partial<BoxesChoice> = {}) => {
    writeFileSync(path, typeof value === 'string' || Buffer.isBuffer(value) ? value : JSON.stringify(value));
    return readBoxes(library as unknown as Library, path, files, { class: 'person', score: 0.3, ...choice });
  };
  const result = (image_id: unknown, bbox: unknown, score: unknown = 0.9, category_id = 1) => ({
    image_id,
    category_id,
    bbox,
    score,
  });

  it('may be results of COCO, whose images are found by the numbers in their names', () => {
    const entries = [
      result(139, [10, 20, 30, 40]),
      result(285, [1, 2, 3, 4], 0.31),
      result(139, [5, 6, 7.5, 8.25], 0.5),
      result(139, [0, 0, 9, 9], 0.29), // too uncertain
      result(139, [0, 0, 9, 9], 0.9, 18), // a dog
      result(7, [0, 0, 9, 9]), // an image that is not run
    ];
    const { boxes, notices } = read(entries, ['val/000000000139.jpg', 'val/000000000285.jpg']);
    expect(boxes).to.deep.equal([
      { boxes: [10, 20, 40, 60, 5, 6, 12.5, 14.25], scores: [0.9, 0.5] },
      { boxes: [1, 2, 4, 6], scores: [0.31] },
    ]);
    expect(notices).to.deep.equal([]);
  });

  it('may be results of images with names, such as `--save coco` writes', () => {
    const { boxes } = read([result('beach', [0, 0, 5, 5])], ['holiday/beach.jpg']);
    expect(boxes).to.deep.equal([{ boxes: [0, 0, 5, 5], scores: [0.9] }]);
  });

  it('takes the ids of images and classes from another file', () => {
    const ids = join(folder, 'ids.json');
    writeFileSync(
      ids,
      JSON.stringify({
        images: [{ id: 4, file_name: 'a.png' }],
        annotations: [],
        categories: [{ id: 9, name: 'horse' }],
      }),
    );
    const entries = [result(4, [0, 0, 5, 5], 1, 9), result(4, [0, 0, 6, 6], 1, 1)];
    const { boxes } = read(entries, ['x/a.png'], { class: 'horse', cocoImages: ids });
    expect(boxes).to.deep.equal([{ boxes: [0, 0, 5, 5], scores: [1] }]);
    expect(() => read(entries, ['x/a.png'], { cocoImages: ids })).to.throw(UsageError, /"person".*9, 1/);
    expect(() => read(entries, ['4.png'], { class: 'horse' })).to.throw(UsageError, 'no category_id 19');
    expect(() => read(entries, ['4.png'], { class: 'unicorn' })).to.throw(UsageError, /"unicorn".*--coco-images/);
  });

  it('may be annotations of COCO, without crowds, and each is certain', () => {
    const annotation = (id: number, more: object) => ({
      id,
      image_id: 3,
      category_id: 1,
      area: 1,
      iscrowd: 0,
      bbox: [2, 4, 6, 8],
      ...more,
    });
    const file = {
      images: [
        { id: 3, file_name: 'sub/a.png', width: 50, height: 50 },
        { id: 5, file_name: 'b.png', width: 50, height: 50 },
      ],
      categories: [
        { id: 1, name: 'person' },
        { id: 2, name: 'dog' },
      ],
      annotations: [
        annotation(1, {}),
        annotation(2, { iscrowd: 1, segmentation: { size: [50, 50], counts: [0, 2500] } }),
        annotation(3, { bbox: [1, 1, 0, 5] }),
        annotation(5, { bbox: [1e9, 1, 3, 5] }),
        annotation(6, { bbox: [1e9, 1, 1e-9, 5] }),
        annotation(4, { category_id: 2 }),
      ],
    };
    const { boxes, notices } = read(file, ['photos/sub/a.png', 'photos/b.png'], { score: 1 });
    expect(boxes).to.deep.equal([
      { boxes: [2, 4, 8, 12], scores: [1] },
      { boxes: [], scores: [] },
    ]);
    expect(notices).to.have.length(2);
    expect(notices[0]).to.include('no box of "person" with a score of 1 or more in 1 of 2 images');
    expect(notices[1]).to.include('left out 3 boxes without width or height');
    expect(() => read(file, ['sub/a.png'], { class: 'dgo' })).to.throw(UsageError, 'Did you mean "dog"?');
    expect(() => read(file, ['c.png'])).to.throw(UsageError, /c\.png: .*no image of this file_name/);
  });

  it('may be the JSON of this package, whose images are found by their paths or names', () => {
    const instance = (name: string, box: readonly number[], score = 0.8) => ({ label: 0, name, score, box });
    const document = {
      schema: 2,
      results: [
        { file: 'one/a.png', detection: [instance('person', [1, 2, 3, 4]), instance('dog', [0, 0, 9, 9])] },
        { file: 'two/a.png', pose: [instance('person', [5, 6, 7, 9], 0.4)] },
        { file: 'two/b.png', detection: [] },
      ],
    };
    const { boxes } = read(document, ['two/a.png', 'one/a.png', 'elsewhere/b.png', 'new.png']);
    expect(boxes.map((one) => one.boxes)).to.deep.equal([[5, 6, 7, 9], [1, 2, 3, 4], [], []]);
    expect(boxes[0]?.scores).to.deep.equal([0.4]);
    expect(() => read(document, ['three/a.png'])).to.throw(UsageError, /2 results could be.*one\/a\.png, two\/a\.png/);
    const corners = [0.1, 0.2, 0.3, 0.7]; // to the last bit
    const alone = { schema: 2, detection: [instance('person', corners)] };
    expect(read(alone, ['stdin']).boxes).to.deep.equal([{ boxes: corners, scores: [0.8] }]);
  });

  it('may have no box for an image: then there are no poses, and a sentence says so', () => {
    const nothing = { boxes: [], scores: [] };
    const low = read([result(1, [0, 0, 5, 5], 0.2)], ['1.png', '2.png']);
    expect(low.boxes).to.deep.equal([nothing, nothing]);
    expect(low.notices).to.deep.equal([`${path}: no box of "person" with a score of 0.3 or more in 2 of 2 images.`]);
    expect(read([], ['1.png']).boxes).to.deep.equal([nothing]); // a detector that found nothing
    const document = read({ schema: 2, results: [{ file: 'a.png', detection: [] }] }, ['a.png']);
    expect(document.boxes).to.deep.equal([nothing]);
    expect(document.notices[0]).to.match(/no box of "person" .* in a\.png\.$/);
  });

  it('of other images is refused, with the names of both', () => {
    const results = [result(139, [0, 0, 5, 5]), result('beach', [0, 0, 5, 5])];
    expect(() => read(results, ['a.png', 'b.png'])).to.throw(
      UsageError,
      /boxes of image_id 139, image_id "beach", and none of a\.png, b\.png\. .*--coco-images FILE/,
    );
    const instance = { name: 'person', score: 1, box: [1, 2, 3, 4] };
    const document = { schema: 2, results: [{ file: 'one/a.png', detection: [instance] }] };
    expect(() => read(document, ['b.png'])).to.throw(
      UsageError,
      /boxes of one\/a\.png, and none of b\.png\. .*same names/,
    );
    expect(() => read({ schema: 2, results: [] }, ['b.png'])).to.throw(UsageError, /boxes of no image/);
    expect(read(document, ['stdin']).boxes[0]?.scores).to.deep.equal([1]); // which has no name
  });

  it('of other classes is refused, with the nearest one', () => {
    const instance = { name: 'persons', score: 1, box: [1, 2, 3, 4] };
    const document = { schema: 2, results: [{ file: 'a.png', detection: [instance] }] };
    expect(() => read(document, ['a.png'])).to.throw(UsageError, /Did you mean "persons"\?.*--detector-class/);
  });

  it('states the sizes of the images, if it does', () => {
    const images = [{ id: 3, file_name: 'a.png', width: 50, height: 40 }];
    const file = { images, categories: [{ id: 1, name: 'person' }], annotations: [] };
    expect(read(file, ['a.png']).sizes).to.deep.equal([{ height: 40, width: 50 }]);
    const document = { schema: 2, image: { height: 7, width: 9 }, file: 'a.png', detection: [] };
    expect(read(document, ['a.png']).sizes).to.deep.equal([{ height: 7, width: 9 }]);
    expect(read([], ['a.png']).sizes).to.deep.equal([]);
  });

  it('may have a byte order mark, or be what a shell of Windows writes for `>`', () => {
    const text = JSON.stringify([result(1, [0, 0, 5, 5])]);
    const expected = [{ boxes: [0, 0, 5, 5], scores: [0.9] }];
    expect(read(`\ufeff${text}`, ['1.png']).boxes).to.deep.equal(expected);
    expect(read(Buffer.from(`\ufeff${text}`, 'utf16le'), ['1.png']).boxes).to.deep.equal(expected);
  });

  const damaged: readonly [what: string, value: unknown, message: RegExp][] = [
    ['no JSON', '[{"image_id": 1,', /boxes\.json: this is not JSON/],
    ['no number', '[{"bbox": [NaN, 0, 1, 1]}]', /boxes\.json: this is not JSON: it has NaN for a number\. Give COCO/],
    ['no text', Buffer.of(0x5b, 0xff, 0x5d), /boxes\.json: this is not JSON\. Give/],
    ['a packed file', Buffer.of(0x1f, 0x8b, 8, 0), /boxes\.json: this is compressed by gzip\. Unpack/],
    ['an object of another kind', { boxes: [] }, /no file of boxes.*COCO/],
    ['a number', '7', /no file of boxes/],
    ['a list of numbers', [1], /entry 0 must be an object, got 1\. Give COCO/],
    ['a list of lists', [[1, 2, 3, 4]], /entry 0 must be an object.*Give COCO/],
    ['a box of three numbers', [result(1, [0, 0, 5])], /entry 0: bbox must be four numbers/],
    ['a box with a text', [result(1, [0, 0, 5, 'x'])], /entry 0: bbox must be four numbers/],
    ['no score', [{ image_id: 1, category_id: 1, bbox: [0, 0, 5, 5] }], /entry 0: score must be a finite number/],
    ['an image_id that is a list', [result([], [0, 0, 5, 5])], /entry 0: image_id/],
    [
      'keypoints without a box',
      [{ image_id: 1, category_id: 1, keypoints: [1, 2, 3], score: 1 }],
      /entry 0 has no bbox/,
    ],
    [
      'a result of another task',
      { schema: 2, results: [{ file: '1.png', segmentation: [] }] },
      /results\[0\] has neither/,
    ],
    [
      'an instance without a box',
      { schema: 2, detection: [{ name: 'person', score: 1 }] },
      /detection\[0\] has no box/,
    ],
  ];
  for (const [what, value, message] of damaged) {
    it(`is refused for ${what}, with its place`, () => {
      expect(() => read(value, ['1.png'])).to.throw(Error, message);
    });
  }

  it('is no list of numbers', () => {
    const call = () =>
      readBoxes(library as unknown as Library, '10,20,30,40', ['a.png'], { class: 'person', score: 0 });
    expect(call).to.throw(UsageError, '--boxes takes a file, not 10,20,30,40.');
  });

  it('that does not exist is refused', () => {
    const call = () =>
      readBoxes(library as unknown as Library, join(folder, 'none.json'), ['a.png'], { class: 'person', score: 0 });
    expect(call).to.throw(UsageError, 'there is no such file');
  });
});
