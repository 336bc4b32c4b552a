import { expect } from 'chai';
import { checkHealth, type HealthOptions, type HealthSplit } from '../../src/data/health.ts';
import { nearDuplicates } from '../../src/data/health_duplicates.ts';
import { type Finding, subjectOf } from '../../src/data/health_findings.ts';
import { lenientJson } from '../../src/data/health_json.ts';
import { DataError } from '../../src/errors.ts';
import { decodeImage } from '../../src/node.ts';
import { encodePng } from '../../src/platform/node/png.ts';
import { iouXywh } from '../../src/postprocess/boxes.ts';

type Json = Readonly<Record<string, unknown>>;

const image = { id: 1, file_name: 'a.png', width: 40, height: 30 };
const category = { id: 1, name: 'cat' };
const annotation = { id: 1, image_id: 1, category_id: 1, bbox: [2, 3, 10, 8] };

const documentOf = (...annotations: readonly Json[]) => ({ images: [image], categories: [category], annotations });

/** Findings above information, as `code: ids`. */
async function findingsOf(document: unknown, options: HealthOptions = {}, split: Partial<HealthSplit> = {}) {
  const { findings } = await checkHealth([{ name: 'train', file: 'train.json', document, ...split }], options);
  return findings.filter(({ severity }) => severity !== 'information');
}

const lines = (findings: readonly Finding[]) =>
  findings.map((finding) => `${finding.code}: ${[...subjectOf(finding)].map(([name, ids]) => `${name} ${ids}`)}`);

async function linesOf(document: unknown, options?: HealthOptions, split?: Partial<HealthSplit>) {
  return lines(await findingsOf(document, options, split));
}

describe('the check of a data set', () => {
  it('finds nothing in a sound document', async () => {
    expect(await linesOf(documentOf(annotation))).to.deep.equal([]);
  });

  it('names file, entry, values and remedy', async () => {
    const [finding] = await findingsOf(documentOf({ ...annotation, bbox: [2, 3, 'ten', 8] }));
    expect(finding?.examples).to.deep.equal([
      {
        file: 'train.json',
        text: 'annotation 1 of a.png: the box must be four finite numbers, got [2, 3, "ten", 8]',
      },
    ]);
    expect(finding?.remedy).to.include('remove the entry');
  });

  it('keeps all ids and a few examples of a fault that is everywhere', async () => {
    const many = Array.from({ length: 1000 }, (_, i) => ({ ...annotation, id: i + 1, bbox: [i / 100, 3, 50, 8] }));
    const { findings } = await checkHealth([{ name: 'train', file: 'train.json', document: documentOf(...many) }], {
      examples: 2,
    });
    const found = findings.find(({ code }) => code === 'bbox_out_of_bounds');
    expect(found?.count).to.equal(1000);
    expect(found?.subjects[0]?.ids).to.have.length(1000);
    expect(found?.examples).to.have.length(2);
  });

  const wrong: readonly (readonly [name: string, annotation: Json, expected: readonly string[]])[] = [
    ['an empty box is none', { ...annotation, bbox: [] }, ['missing_geometry: annotation_ids 1']],
    ['a box that is null', { ...annotation, bbox: null }, ['bad_value: annotation_ids 1']],
    ['a polygon with a word', { ...annotation, segmentation: [[1, 2, 'x', 4, 5, 6]] }, ['bad_value: annotation_ids 1']],
    [
      'a flat list as polygons',
      { ...annotation, segmentation: [2, 3, 12, 3, 12, 11] },
      ['bad_value: annotation_ids 1'],
    ],
    ['runs without a size', { ...annotation, segmentation: { counts: [3] } }, ['bad_value: annotation_ids 1']],
    [
      'a negative run',
      { ...annotation, segmentation: { size: [30, 40], counts: [1300, -100] } },
      ['bad_value: annotation_ids 1'],
    ],
    [
      'a string of runs that was cut',
      { ...annotation, segmentation: { size: [30, 40], counts: 'gl0=g' } },
      ['rle_wrong_length: annotation_ids 1'],
    ],
    ['keypoints for another class', { ...annotation, keypoints: [1, 2, 'x'] }, ['bad_value: annotation_ids 1']],
    ['a negative area', { ...annotation, area: -4 }, ['bad_value: annotation_ids 1']],
    ['a crowd of 2', { ...annotation, iscrowd: 2 }, ['bad_value: annotation_ids 1']],
    ['an id as a string', { ...annotation, id: '7' }, ['bad_value: ']],
    [
      'an area of the mask alone',
      { id: 1, image_id: 1, category_id: 1, area: 80, segmentation: [[2, 3, 12, 3, 12, 11, 2, 11]] },
      [],
    ],
    [
      'an area that is the mask’s, not the box’s',
      { ...annotation, area: 12, segmentation: [[2, 3, 12, 11, 11, 11, 2, 4.5]] },
      [],
    ],
  ];
  for (const [name, entry, expected] of wrong) {
    it(`judges ${name}`, async () => expect(await linesOf(documentOf(entry))).to.deep.equal(expected));
  }

  it('lets rounding at the border of an image pass', async () => {
    const [x, width] = [1.1, 38.9 + 1e-9];
    expect(await linesOf(documentOf({ ...annotation, bbox: [x, 3, width, 8] }))).to.deep.equal([]);
    expect(await linesOf(documentOf({ ...annotation, bbox: [x, 3, width + 0.01, 8] }))).to.deep.equal([
      'bbox_out_of_bounds: annotation_ids 1',
    ]);
  });

  it('reads documents that are no documents, and names that mean something to JavaScript', async () => {
    expect(await linesOf(null)).to.deep.equal(['bad_value: ']);
    expect(await linesOf({ images: 'x', annotations: 3, categories: [null, []] })).to.deep.equal(['bad_value: ']);
    const names = JSON.parse(
      '{"images":[{"__proto__":{"polluted":1},"id":"__proto__","file_name":"__proto__","width":1,"height":1}],"annotations":[{"id":1,"image_id":"constructor","category_id":"__proto__","bbox":[0,0,1,1]}],"categories":[{"id":1,"name":"__proto__"}]}',
    );
    expect(await linesOf(names)).to.deep.equal([
      'bad_value: ',
      'orphan_image_id: annotation_ids 1',
      'orphan_category_id: annotation_ids 1',
      'zero_instance_category: category_ids 1',
    ]);
    expect(({} as Json).polluted).to.equal(undefined);
  });

  it('counts classes and sizes as information', async () => {
    const categories = [category, { id: 2, name: 'dog' }];
    const images = [image, { ...image, id: 2, file_name: 'b.png' }];
    const many = Array.from({ length: 101 }, (_, i) => ({
      ...annotation,
      id: i + 1,
      bbox: [i / 10, 3 + (i % 7), 5, 8],
    }));
    const annotations = [...many, { ...annotation, id: 500, category_id: 2 }];
    const { findings } = await checkHealth([{ name: '', file: 'x', document: { images, categories, annotations } }]);
    const information = findings.filter(({ severity }) => severity === 'information');
    expect(lines(information)).to.deep.equal([
      'low_instance_category: category_ids 2',
      'class_imbalance: category_ids 1,2',
      'image_without_annotations: image_ids 2',
      'small_objects: ',
    ]);
  });
});

describe('the check of results', () => {
  it('finds entries that are none, and values that are not numbers', async () => {
    const results = [
      3,
      { image_id: 1, category_id: 1, score: '0.5', bbox: [1, 2, 3] },
      { image_id: 1, category_id: 1, score: 1 },
    ];
    const found = await linesOf(documentOf(annotation), { results: { file: 'r.json', document: results } });
    expect(found).to.deep.equal([
      'bad_value: result_indices 0,1',
      'missing_geometry: result_indices 2',
      'dt_missing_score: result_indices 1',
    ]);
    expect(await linesOf(documentOf(annotation), { results: { file: 'r.json', document: {} } })).to.deep.equal([
      'bad_value: ',
    ]);
  });
});

describe('the check of files', () => {
  const pixels = (value: number) => encodePng({ width: 40, height: 30, data: new Uint8Array(4 * 40 * 30).fill(value) });
  const split = (name: string, files: ReadonlyMap<string, Uint8Array>): HealthSplit => ({
    name,
    file: `${name}.json`,
    document: {
      images: [...files.keys()].map((file, i) => ({ ...image, id: i + 1, file_name: file })),
      annotations: [],
      categories: [],
    },
    readFile: async (file) => files.get(file),
  });

  it('finds equal files in three splits, pair by pair', async () => {
    const [one, two] = [pixels(200), pixels(100)];
    const splits = [
      split(
        'train',
        new Map([
          ['a', one],
          ['b', two],
        ]),
      ),
      split('val', new Map([['c', one]])),
      split(
        'test',
        new Map([
          ['d', one],
          ['e', one],
        ]),
      ),
    ];
    const { findings } = await checkHealth(splits, { decode: decodeImage });
    expect(lines(findings)).to.deep.equal([
      'split_leakage: train_image_ids 1,val_image_ids 1',
      'split_leakage: train_image_ids 1,test_image_ids 1,2',
      'split_leakage: val_image_ids 1,test_image_ids 1,2',
      'duplicate_image_content: image_ids 1,2',
    ]);
    expect(findings[0]?.examples[0]?.text).to.equal('train a and val c are equal');
  });

  it('does not call damaged files equal, nor one file that is listed twice', async () => {
    const broken = pixels(9).subarray(0, 50);
    const files = new Map([
      ['a', broken],
      ['b', broken],
      ['c', pixels(1)],
    ]);
    const { document, ...rest } = split('train', files);
    const { images } = document as { images: Json[] };
    const twice = { ...(document as Json), images: [...images, { ...images[2], id: 4 }] };
    const { findings } = await checkHealth([{ ...rest, document: twice }], { decode: decodeImage });
    expect(lines(findings)).to.deep.equal(['unreadable_image: image_ids 1,2', 'duplicate_file_name: image_ids 3,4']);
  });

  it('says of formats that are not decoded that their pixels were not checked, and still compares their size', async () => {
    const gif = new Uint8Array(64);
    gif.set(new TextEncoder().encode('GIF89a'));
    gif.set([40, 0, 31, 0], 6);
    const { findings } = await checkHealth([split('train', new Map([['a.gif', gif]]))], { decode: decodeImage });
    expect(findings.map(({ code }) => code)).to.deep.equal(['image_size_mismatch', 'undecoded_image']);
  });
});

describe('near duplicates', () => {
  it('are those of the definition, for random boxes', () => {
    let seed = 7;
    const random = () => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed / 2 ** 32;
    };
    const boxes = Array.from({ length: 400 }, (): [number, number, number, number] => {
      const [x, y] = [Math.floor(4 * random()) * 40, Math.floor(4 * random()) * 40];
      return [x + 9 * random(), y + 9 * random(), 30 + random(), 30 + random()];
    });
    const expected = boxes.flatMap((box, i) =>
      boxes.some((other, k) => k !== i && (iouXywh(box, other, [false])[0] ?? 0) > 0.95) ? [i] : [],
    );
    expect(expected.length).to.be.within(50, 399);
    expect(
      nearDuplicates(boxes)
        .flat()
        .toSorted((a, b) => a - b),
    ).to.deep.equal(expected);
  });

  it('of 200,000 boxes take no quadratic time, equal ones included', () => {
    const boxes = Array.from({ length: 200_000 }, (_, i): [number, number, number, number] =>
      i % 2 === 0 ? [5, 5, 20, 20] : [100 + i, i % 1000, 20, 20],
    );
    const start = process.cpuUsage();
    const [equal] = nearDuplicates(boxes);
    expect(equal).to.have.length(100_000);
    expect(process.cpuUsage(start).user / 1e6).to.be.below(5); // all pairs would take minutes
  });
});

describe('JSON that is to be checked', () => {
  const read = (text: string) => lenientJson(new TextEncoder().encode(text), 'a.json');

  it('may have NaN and Infinity, which are said and become null', () => {
    const { value, notices } = read('\ufeff{"a":[NaN,-Infinity,1],"NaN":"Infinity \\" NaN"}');
    expect(value).to.deep.equal({ a: [null, null, 1], NaN: 'Infinity " NaN' });
    expect(notices[0]).to.match(/a\.json: NaN or Infinity stands 2 times/);
  });

  it('is refused for any other fault, with the file', () => {
    for (const text of ['{"a":', '{"a":[NaN,}', ''])
      expect(() => read(text)).to.throw(DataError, /a\.json: this is not JSON/);
  });
});
