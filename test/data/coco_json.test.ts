import { expect } from 'chai';
import { parseCocoFile, parseCocoResults } from '../../src/data/coco_json.ts';
import { rleOfSegmentation } from '../../src/data/coco_shapes.ts';
import { readJsonValue } from '../../src/data/json_value.ts';
import { DataError } from '../../src/errors.ts';
import { rleArea } from '../../src/postprocess/rle.ts';

const annotation = { id: 7, image_id: 1, category_id: 3, bbox: [1, 2, 3, 4], area: 12, iscrowd: 0 };
const labels = {
  images: [{ id: 1, file_name: 'a/b.png', height: 4, width: 6 }],
  categories: [{ id: 3, name: 'car' }],
  annotations: [annotation],
};
const withAnnotation = (fields: object) => ({ ...labels, annotations: [{ ...annotation, ...fields }] });
const withImage = (fields: object) => ({ ...labels, images: [{ ...labels.images[0], ...fields }] });
const read = (value: unknown) => parseCocoFile(value, 'val.json');
const bytes = (text: string) => new TextEncoder().encode(text);

describe('COCO’s label files', () => {
  it('are read from bytes, text or a value, with or without a byte order mark', () => {
    const text = JSON.stringify(labels);
    const { file } = read(labels);
    expect(read(text).file).to.deep.equal(file);
    expect(read(bytes(text)).file).to.deep.equal(file);
    expect(read(bytes(`\uFEFF${text}`)).file).to.deep.equal(file);
    expect(read(`\uFEFF${text}`).file).to.deep.equal(file);
    expect(file.annotations[0]).to.include({ id: 7, area: 12, iscrowd: 0, segmentation: undefined });
    expect(file.categories[0]).to.include({ id: 3, name: 'car' });
  });

  it('may lack what can be computed, and have what nothing here uses', () => {
    const { file } = read({
      info: {},
      images: [{ id: 1, file_name: 'a.png', license: 4 }],
      categories: [{ id: 3, name: '__proto__', supercategory: 'none', keypoints: [], skeleton: [] }],
      annotations: [{ id: 1, image_id: 1, category_id: 3, segmentation: [], attributes: { a: 1 }, iscrowd: true }],
    });
    expect(file.annotations[0]).to.deep.equal({
      id: 1,
      image_id: 1,
      category_id: 3,
      bbox: undefined,
      area: undefined,
      iscrowd: 1,
      segmentation: undefined,
      keypoints: undefined,
      num_keypoints: undefined,
    });
    expect(file.images[0]).to.deep.equal({ id: 1, file_name: 'a.png', height: undefined, width: undefined });
    expect(file.categories[0]).to.include({ name: '__proto__' });
    const { file: bare, notices } = read({ images: [], categories: [] });
    expect(bare.annotations).to.deep.equal([]);
    expect(notices.join()).to.match(/no annotations/);
  });

  it('keep masks in either spelling', () => {
    const runs = [0, 2, 20, 2];
    const plain = read(withAnnotation({ segmentation: { size: [4, 6], counts: runs } })).file.annotations[0]!;
    expect(rleArea(rleOfSegmentation(plain.segmentation!, { height: 4, width: 6 }))).to.equal(4);
    const text = read(withAnnotation({ segmentation: { size: [4, 6], counts: '02d00' } })).file.annotations[0]!;
    expect(rleOfSegmentation(text.segmentation!, { height: 4, width: 6 }).counts).to.deep.equal(Uint32Array.from(runs));
    const polygon = read(withAnnotation({ segmentation: [[0, 0, 3, 0, 3, 4, 0, 4]] })).file.annotations[0]!;
    expect(rleArea(rleOfSegmentation(polygon.segmentation!, { height: 4, width: 6 }))).to.equal(12);
  });

  it('change no prototype', () => {
    const text = JSON.stringify(labels).replace('"id":7', '"__proto__":{"polluted":1,"bbox":[1]},"id":7');
    expect(read(text).file.annotations[0]!.bbox).to.deep.equal([1, 2, 3, 4]);
    expect(({} as { polluted?: number }).polluted).to.equal(undefined);
  });

  const refused: readonly (readonly [what: string, value: unknown, message: RegExp])[] = [
    ['a list', [annotation], /is a list.*results/],
    ['no images', { ...labels, images: undefined }, /images is missing/],
    ['categories that are no list', { ...labels, categories: {} }, /categories must be a list, got \{\}/],
    [
      'a name that is no text',
      { ...labels, categories: [{ id: 3, name: null }] },
      /categories\[0\] \(id 3\): name.*null/,
    ],
    [
      'a class given twice',
      { ...labels, categories: [labels.categories[0], labels.categories[0]] },
      /id is given twice/,
    ],
    ['a skeleton beyond the keypoints', withSkeleton([[1, 3]]), /skeleton.*1 to 2/],
    ['an image without a name', withImage({ file_name: undefined }), /images\[0\] \(id 1\): file_name is missing/],
    ['a path out of the folder', withImage({ file_name: 'a/../../b.png' }), /file_name.*inside the folder/],
    ['a path with back slashes', withImage({ file_name: '..\\b.png' }), /file_name.*inside the folder/],
    ['an absolute path', withImage({ file_name: '/etc/passwd' }), /file_name.*inside the folder/],
    ['a path of another drive', withImage({ file_name: 'C:\\b.png' }), /file_name.*inside the folder/],
    ['a NUL in a path', withImage({ file_name: 'a\0.png' }), /file_name.*NUL/],
    ['an image without pixels', withImage({ width: 0 }), /no pixels.*4×0/],
    ['half a pixel', withImage({ width: 6.5 }), /width.*6\.5/],
    ['a size without the other', withImage({ width: undefined }), /width.*nothing/],
    ['a huge image', withImage({ width: 1e9, height: 1e9 }), /more than any image/],
    ['an id that is a text', withAnnotation({ id: '7' }), /annotations\[0\]: id.*"7"/],
    ['an id beyond 2^53', withAnnotation({ id: 2 ** 60 }), /annotations\[0\]: id.*2\^53/],
    ['an id of 0', withAnnotation({ id: 0 }), /id of 0/],
    ['an unknown image', withAnnotation({ image_id: 9 }), /annotations\[0\] \(id 7\): image_id is of no image.*9/],
    ['an unknown class', withAnnotation({ category_id: 9 }), /category_id is of no category.*9/],
    ['a class that is a key of objects', withAnnotation({ category_id: '__proto__' }), /category_id.*__proto__/],
    ['a box of null', withAnnotation({ bbox: null }), /bbox.*null/],
    ['a box with a text', withAnnotation({ bbox: [1, 2, '3', 4] }), /bbox.*four numbers/],
    ['a box beyond reason', withAnnotation({ bbox: [1, 2, 1e308, 4] }), /bbox/],
    ['a box of negative width', withAnnotation({ bbox: [1, 2, -3, 4] }), /negative width.*-3/],
    ['an area that is a text', withAnnotation({ area: '12' }), /area.*"12"/],
    ['a crowd of 2', withAnnotation({ iscrowd: 2 }), /iscrowd must be 0 or 1, got 2/],
    ['a flat polygon', withAnnotation({ segmentation: [0, 0, 3, 0, 3, 4] }), /segmentation\[0\].*list of polygons/],
    ['a polygon of two points', withAnnotation({ segmentation: [[0, 0, 3, 0]] }), /4 numbers.*three points/],
    ['an odd polygon', withAnnotation({ segmentation: [[0, 0, 3, 0, 3, 4, 1]] }), /7 numbers/],
    ['a point that is null', withAnnotation({ segmentation: [[0, 0, 3, null, 3, 4]] }), /segmentation\[0\].*null/],
    ['a mask that is a text', withAnnotation({ segmentation: 'mask' }), /segmentation.*"mask"/],
    ['runs without counts', withAnnotation({ segmentation: { size: [4, 6] } }), /counts.*nothing/],
    [
      'runs of another size',
      withAnnotation({ segmentation: { size: [6, 4], counts: [24] } }),
      /6×4 in an image of 4×6/,
    ],
    ['runs that are too short', withAnnotation({ segmentation: { size: [4, 6], counts: [20] } }), /20 pixels.*has 24/],
    ['runs of no pixels', withAnnotation({ segmentation: { size: [4, 6], counts: [30, -6] } }), /run 1 is -6/],
    [
      'runs beyond any size',
      withAnnotation({ segmentation: { size: [1e5, 1e5], counts: '0' } }),
      /more than any image/,
    ],
    ['cut runs', withAnnotation({ segmentation: { size: [4, 6], counts: 'o' } }), /ends inside/],
    ['two numbers of a keypoint', withAnnotation({ keypoints: [1, 2] }), /keypoints.*list of 2/],
  ];
  for (const [what, value, message] of refused) {
    it(`are refused for ${what}`, () => {
      expect(() => read(value)).to.throw(DataError, message);
      expect(() => read(value)).to.throw(DataError, /^val\.json: /);
    });
  }

  it('report what an evaluation can live with if they are asked to', () => {
    const value = {
      images: [{ id: 1 }, { id: 2, file_name: 'b.png', height: 0, width: 5 }],
      categories: [
        { id: 3, name: 'car' },
        { id: 3, name: 'bus' },
      ],
      annotations: [
        { ...annotation, bbox: [1, 2, -3, 4] },
        { ...annotation, image_id: 9 },
        ...Array.from({ length: 7 }, (_, i) => ({ ...annotation, id: 10 + i, category_id: 50 })),
      ],
    };
    const { file, notices } = parseCocoFile(value, 'val.json', { faults: 'report' });
    expect(file.annotations).to.have.length(9);
    expect(file.categories).to.have.length(2);
    const text = notices.join('\n');
    expect(text).to.match(/val\.json: an id is given twice: categories\[1\] \(id 3\), annotations\[1\] \(id 7\)\./);
    expect(text).to.match(/negative width or height: annotations\[0\] \(id 7\) \[1,2,-3,4\]\./);
    expect(text).to.match(/image_id is of no image in the file: annotations\[1\] \(id 7\) 9\./);
    expect(text).to.match(/category_id is of no category.*annotations\[6\] \(id 14\) 50 and 2 more\./);
    expect(text).to.match(/file_name is missing: images\[0\]/);
    expect(text).to.match(/no pixels: images\[1\] \(id 2\) 0×5/);
    const broken = () => parseCocoFile(withAnnotation({ bbox: [1] }), 'val.json', { faults: 'report' });
    expect(broken, 'structure is always checked').to.throw(DataError, /bbox/);
  });
});

function withSkeleton(skeleton: unknown) {
  return { ...labels, categories: [{ id: 3, name: 'car', keypoints: ['front', 'back'], skeleton }] };
}

describe('COCO’s result files', () => {
  const result = { image_id: 1, category_id: 3, score: 0.5, bbox: [1, 2, 3, 4] };
  const results = (...entries: object[]) => parseCocoResults(entries, 'out.json');

  it('are lists of boxes, masks or keypoints', () => {
    const entries = results(
      { ...result, id: 4, area: 9 },
      { ...result, bbox: [], segmentation: { size: [2, 2], counts: [0, 4] } },
      { ...result, bbox: undefined, keypoints: [1, 2, 0.5] },
    );
    expect(entries.map(({ bbox, segmentation, keypoints }) => [bbox, segmentation, keypoints])).to.deep.equal([
      [[1, 2, 3, 4], undefined, undefined],
      [undefined, { size: [2, 2], counts: [0, 4] }, undefined],
      [undefined, undefined, [1, 2, 0.5]],
    ]);
    expect(parseCocoResults('[]', 'out.json')).to.deep.equal([]);
    expect(results({ ...result, score: 7 })[0]!.score, 'any score orders').to.equal(7);
  });

  it('are refused with the place of the entry and the field', () => {
    expect(() => parseCocoResults({ annotations: [result] }, 'out.json')).to.throw(DataError, /out\.json.*array/);
    const labels = { images: [], annotations: [], categories: [] };
    expect(() => parseCocoResults(labels, 'out.json')).to.throw(DataError, /out\.json: is a file of labels.*score/);
    expect(() => results({ ...result, image_id: '7' })).to.throw(
      DataError,
      /entry 0: image_id is the text "7".*number/,
    );
    expect(() => results(result, { ...result, score: undefined })).to.throw(DataError, /entry 1: score.*nothing/);
    expect(() => results({ ...result, score: null })).to.throw(DataError, /entry 0: score.*null/);
    expect(() => results({ ...result, category_id: undefined })).to.throw(DataError, /entry 0: category_id/);
    expect(() => results({ ...result, bbox: [1, 2, 3] })).to.throw(DataError, /entry 0: bbox/);
    expect(() => results({ ...result, bbox: undefined })).to.throw(DataError, /entry 0 has neither/);
    expect(() => parseCocoResults([3], 'out.json')).to.throw(DataError, /entry 0 must be an object, got 3/);
  });
});

describe('JSON of others', () => {
  const of = (text: string) => () => readJsonValue(text, 'a.json');

  it('is refused with a reason', () => {
    expect(of('  \n')).to.throw(DataError, 'a.json: the file is empty');
    expect(of('[{"score": NaN}]')).to.throw(DataError, /a\.json: invalid JSON.*NaN and Infinity are not JSON/);
    expect(of('{"a": [1, 2')).to.throw(DataError, /a\.json: invalid JSON.*cut short/);
    expect(() => readJsonValue(Uint8Array.of(0xff, 0xfe, 0x5b, 0), 'a.json')).to.throw(DataError, /UTF-16/);
    expect(() => readJsonValue(Uint8Array.of(0x1f, 0x8b, 8, 0), 'a.json')).to.throw(DataError, /gzip\. Unpack/);
    expect(() => readJsonValue(Uint8Array.of(0x22, 0xff, 0x22), 'a.json')).to.throw(DataError, /not UTF-8/);
  });

  it('is nested no deeper than any label file, whatever stands in texts', () => {
    expect(of('['.repeat(65) + ']'.repeat(65))).to.throw(DataError, /nested deeper than 64/);
    expect(of('['.repeat(20_000))).to.throw(DataError, /nested deeper than 64/);
    expect(of('['.repeat(64) + ']'.repeat(64))()).to.be.an('array');
    const brackets = JSON.stringify([`${'['.repeat(100)}\\"`, '{'.repeat(100)]);
    expect(readJsonValue(brackets, 'a.json')).to.deep.equal([`${'['.repeat(100)}\\"`, '{'.repeat(100)]);
  });
});
