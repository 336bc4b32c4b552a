import { expect } from 'chai';
import type { Evaluation } from '../../src/evaluate/evaluation.ts';
import { evaluationReport } from '../../src/report/evaluation.ts';
import { documentOf, type Node } from './document.ts';
import { codec, evaluationFixture, street } from './fixtures.ts';

const textOf = (node: Node | null): string => (node?.textContent ?? '').replace(/\s+/g, ' ').trim();
const reportOf = async (evaluation: Evaluation, options = {}) =>
  documentOf(await evaluationReport(evaluation, codec, options));

const hostile = [
  '"><img src=x onerror=alert(1)>',
  'w'.repeat(20_000),
  '__proto__',
  '\u202eاسم',
  '',
  'constructor',
  'a b',
  'a\u0000b',
  '</title></style></svg><script>alert(2)</script>',
];

describe('the report of an evaluation', () => {
  it('has the figures of boxes and masks, and a plot for each question', async () => {
    const evaluation = evaluationFixture('objects');
    const document = await reportOf(evaluation);
    for (const type of ['bbox', 'segm'] as const) {
      const section = document.querySelector(`#${type}`);
      const rows = [...(section?.querySelectorAll('.duo tbody tr') ?? [])];
      expect(rows.map((row) => textOf(row.querySelector('th')))).to.deep.equal(evaluation[type]?.statNames);
      const value = (100 * (evaluation[type]?.stats[1] ?? 0)).toFixed(1);
      expect(textOf(rows[1]?.querySelector('.bar') ?? null)).to.equal(value);
      const captions = [...(section?.querySelectorAll('figcaption') ?? [])].map(textOf).join('\n');
      for (const name of [
        'by overlap',
        'by class',
        'AP by class',
        'Size of objects',
        'What costs',
        'Calibration',
        'Scores of hits',
        'Confusion',
      ]) {
        expect(captions).to.include(name);
      }
    }
  });

  it('describes every plot and image in words, and gives every table a caption', async () => {
    const document = await reportOf(evaluationFixture('objects'));
    const plots = [...document.querySelectorAll('svg.plot')];
    expect(plots.length).to.be.greaterThan(14);
    for (const plot of plots) expect(plot.getAttribute('aria-label')?.length).to.be.greaterThan(20);
    const images = [...document.querySelectorAll('img')];
    expect(images).to.have.length(4);
    expect(images[0]?.getAttribute('alt')).to.equal(
      'The image with 3 hits, 3 false alarms and 2 missed objects, 240 × 180 pixels.',
    );
    for (const table of document.querySelectorAll('table'))
      expect(textOf(table.querySelector('caption'))).to.not.equal('');
  });

  it('has the headings of sections in order, below one title', async () => {
    const document = await reportOf(evaluationFixture('objects'));
    expect([...document.querySelectorAll('h1')].map(textOf)).to.deep.equal(['mask_rcnn_moganet_tiny on facades']);
    expect([...document.querySelectorAll('h2')].map(textOf)).to.deep.equal([
      'Boxes',
      'Masks',
      'Images by masks',
      'How it was measured',
    ]);
    const ids = [...document.querySelectorAll('[id]')].map((node) => node.getAttribute('id'));
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('shows hits, false alarms and misses with letters and lines of their own, and what was ignored with none', async () => {
    const document = await reportOf(evaluationFixture('objects', { images: 1 }));
    const marks = document.querySelector('.marks');
    const letters = (kind: string) =>
      [...(marks?.querySelectorAll(`.${kind} text`) ?? [])].map((node) => textOf(node)[0]);
    expect(letters('hit')).to.deep.equal(['H', 'H', 'H']);
    expect(letters('alarm')).to.deep.equal(['F', 'F', 'F']);
    expect(letters('miss')).to.deep.equal(['M', 'M']);
    expect([...document.querySelectorAll('.switches input[type=checkbox]')]).to.have.length(3);
    const listed = [...document.querySelectorAll('figure details tbody tr')].map((row) =>
      textOf(row.querySelector('th')),
    );
    expect(listed).to.have.length(8);
    expect(listed[0]).to.equal('M missed');
  });

  it('draws poses with their skeletons, without the keypoints that are guesses or not labelled', async () => {
    const evaluation = evaluationFixture('objects', { images: 1 });
    const [image] = evaluation.shown;
    const box = [10, 10, 50, 90] as const;
    const truth = {
      name: 'person',
      box,
      keypoints: [
        [20, 20, 2],
        [30, 60, 1],
        [0, 0, 0],
      ] as const,
    };
    const keypoints = [...truth.keypoints.slice(0, 2), [40, 80, 2] as const];
    const shown = {
      ...image!,
      by: 'keypoints' as const,
      truths: [{ ...truth, status: 'missed' as const }],
      detections: [{ ...truth, keypoints, score: 0.8, status: 'hit' as const }],
    };
    const skeleton = [
      [0, 1],
      [1, 2],
    ] as const;
    const data = { ...evaluation.data, keypoints: { names: ['nose', 'hip', 'foot'], skeleton } };
    const document = await reportOf({ ...evaluation, data, shown: [shown] });
    const links = (kind: string) => document.querySelector(`.marks .${kind} .link`)?.getAttribute('d')?.match(/M/g);
    expect(links('hit')).to.have.length(2);
    expect(links('miss')).to.have.length(1);
    expect(document.querySelectorAll('.marks .hit circle')).to.have.length(3);
    expect(document.querySelectorAll('.marks .miss circle')).to.have.length(2);
    expect(textOf(document.querySelector('#about'))).to.include('nose, hip, foot');
    expect(textOf(document.querySelector('#images-keypoints')))
      .to.include('at OKS 0.50')
      .and.not.to.include('IoU');
    const perKeypoint = [
      { name: 'nose', labelled: 3, similarity: 0.9 },
      { name: 'hip', labelled: 0, similarity: -1 },
      { name: 'foot', labelled: 2, similarity: 0.4 },
    ];
    const measured = await reportOf({
      ...evaluation,
      keypoints: { ...evaluation.bbox!, type: 'keypoints', perKeypoint },
    });
    expect(textOf(measured.querySelector('#keypoints'))).to.match(/hip.*foot.*40\.0.*nose.*90\.0/);
    expect(textOf(measured.querySelector('#keypoints')))
      .to.include('At OKS 0.50')
      .and.not.to.include('At IoU');
  });

  it('draws at most 20 false alarms on an image, those with the highest scores, and says so', async () => {
    const evaluation = evaluationFixture('objects', { images: 1 });
    const [image] = evaluation.shown;
    const detections = Array.from({ length: 80 }, (_, i) => ({
      name: 'car',
      score: 0.9 - i / 100,
      box: [i, i, i + 9, i + 9] as const,
      status: 'false' as const,
      error: 'loc' as const,
    }));
    const document = await reportOf({ ...evaluation, shown: [{ ...image!, detections }] });
    expect([...document.querySelectorAll('.marks .alarm text')]).to.have.length(20);
    expect(textOf(document.querySelector('#images-segm'))).to.include(
      'Drawn: 20 of 80 false alarms, those with the highest scores.',
    );
    expect(textOf(document.querySelector('#images-segm'))).to.include('71.0');
    expect(textOf(document.querySelector('#images-segm figure table'))).to.include('poor place');
    expect(textOf(document.querySelector('#images-segm figure table'))).to.not.include('70.0');
  });

  it('writes a dash with its reason for what does not exist', async () => {
    const document = await reportOf(evaluationFixture('objects', { classes: ['window'] }));
    const row = [...document.querySelectorAll('#bbox .duo tbody tr')][3];
    expect(textOf(row?.querySelector('.none') ?? null)).to.equal('–none: no object of this kind in the truth');
    expect(textOf(document.querySelector('#bbox .duo caption'))).to.include(
      'A dash: no object of this kind in the truth.',
    );
    const labels = await reportOf(evaluationFixture('labels'));
    expect(textOf(labels.querySelector('#semseg'))).to.include('none: this class neither occurs nor is predicted');
    for (const one of [document, labels]) expect(textOf(one)).to.not.match(/NaN|undefined|-100|Infinity|\[object/);
  });

  it('has label maps with truth and prediction beside each other', async () => {
    const document = await reportOf(evaluationFixture('labels'));
    expect(
      [...document.querySelectorAll('#semseg .duo tbody tr')].map((row) => textOf(row.querySelector('th'))),
    ).to.deep.equal(['mIoU', 'mAcc', 'aAcc', 'mDice', 'boundary IoU']);
    expect([...document.querySelectorAll('.panels')]).to.have.length(4);
    expect([...document.querySelectorAll('.panels img.labels')]).to.have.length(12);
    expect([...document.querySelectorAll('.panels h3')].slice(0, 3).map(textOf)).to.deep.equal([
      'truth',
      'prediction',
      'wrong pixels',
    ]);
    expect([...document.querySelectorAll('.switches')]).to.have.length(0);
  });

  it('shows images by objects and by label maps in sections of their own, which share the bound', async () => {
    const [objects, labels] = [evaluationFixture('objects'), evaluationFixture('labels')];
    const shown = [...objects.shown, ...labels.shown];
    const document = await reportOf({ ...objects, semseg: labels.semseg, shown }, { maxImages: 5 });
    expect([...document.querySelectorAll('#images-segm figure')]).to.have.length(3);
    expect([...document.querySelectorAll('#images-semseg figure')]).to.have.length(3);
    expect([...document.querySelectorAll('.switches')]).to.have.length(1);
  });

  it('has classes of whole images', async () => {
    const document = await reportOf(evaluationFixture('classes'));
    expect(textOf(document.querySelector('#classification .duo'))).to.match(/top-1.*81\.0.*top-5.*95\.5/);
    expect(textOf(document.querySelector('#images-classification'))).to.match(
      /is window, predicted \w+ with [\d.]+ %; the right class has rank 2/,
    );
  });

  it('says first that a part was taken, what failed and what was not measured', async () => {
    const document = await reportOf(evaluationFixture('objects'));
    const remarks = textOf(document.querySelector('.remarks'));
    expect(remarks).to.include('only the first 4 of 6 images');
    expect(remarks).to.include('images/broken.jpg: the JPEG ends early');
    expect(remarks).to.include('Not measured: keypoints. The data set has no keypoints.');
    expect(remarks).to.include('Class "tree" of the model');
  });

  it('states how the figures came about', async () => {
    const options = {
      version: '1.2.3',
      command: "moganet evaluate --data 'x y'",
      date: new Date(Date.UTC(2024, 1, 2, 3, 4)),
    };
    const about = textOf((await reportOf(evaluationFixture('objects'), options)).querySelector('#about'));
    for (const fact of [
      'moganet 1.2.3',
      "moganet evaluate --data 'x y'",
      '2024-02-02 03:04 UTC',
      'ab'.repeat(32),
      'onnxruntime, 2 threads',
      'photos/facades',
      'coco',
      '640 × 640',
      'score: 0.05',
    ]) {
      expect(about).to.include(fact);
    }
  });

  it('is harmless with hostile names', async () => {
    const evaluation = evaluationFixture('objects', { classes: hostile, file: (i) => `${hostile[i]}.jpg` });
    const named = {
      ...evaluation,
      data: { ...evaluation.data, name: hostile[8]!, split: hostile[0] },
      notices: [...hostile],
      failures: [{ file: hostile[1]!, error: hostile[0]! }],
    };
    for (const kind of ['labels', 'classes'] as const) {
      const other = await reportOf(evaluationFixture(kind, { classes: hostile, file: (i) => hostile[i]! }));
      expect([...other.querySelectorAll('script, img[src=x]')]).to.have.length(0);
    }
    const text = await evaluationReport(named, codec, { command: hostile.join(' '), title: hostile[0] });
    const document = documentOf(text);
    expect([...document.querySelectorAll('script, iframe, img[src=x]')]).to.have.length(0);
    for (const node of document.querySelectorAll('*')) {
      for (const { name } of node.attributes) expect(name).to.not.match(/^on/);
    }
    expect(text).to.not.include('w'.repeat(1500));
    expect(text).to.not.include('\u0000');
    expect(textOf(document.querySelector('#bbox'))).to.include('__proto__');
  });

  it('bounds its size: images, bars, rows', async () => {
    const classes = Array.from({ length: 150 }, (_, i) => `class ${i}`);
    const evaluation = evaluationFixture('objects', { classes, images: 210, size: { width: 40, height: 30 } });
    const document = await reportOf(evaluation, { maxImages: 3 });
    expect([...document.querySelectorAll('#images-segm img')]).to.have.length(3);
    expect([...document.querySelectorAll('#images-segm > details tbody tr')]).to.have.length(200);
    expect(textOf(document.querySelector('#images-segm'))).to.include('3 images of 210, the worst first.');
    expect(textOf(document.querySelector('#bbox'))).to.include('The best 30 and the worst 30 of 149 classes');
    expect(textOf(document.querySelector('#bbox'))).to.include('The 30 rows with the most objects, of 151');
    const none = await reportOf(evaluation, { maxImages: 0 });
    expect([...none.querySelectorAll('#images-segm img')]).to.have.length(0);
  }).timeout(10_000);

  it('shows the reason in place of an image that cannot be read', async () => {
    const evaluation = evaluationFixture('objects', {
      images: 1,
      bytes: () => Promise.resolve(new Uint8Array([1, 2, 3])),
    });
    const document = await reportOf(evaluation);
    expect(textOf(document.querySelector('#images-segm figure'))).to.match(/The image cannot be shown: .*2023-0\.jpg/);
    expect(textOf(document.querySelector('#images-segm figure'))).to.include('List of 8 marks');
  });

  it('can be made of an evaluation with nothing in it', async () => {
    const { data } = evaluationFixture('objects', { classes: street });
    const empty: Evaluation = {
      data,
      results: { name: 'results.json', entries: 0 },
      images: [],
      shown: [],
      failures: [],
      notMeasured: [],
      notices: [],
    };
    const document = await reportOf(empty);
    expect(textOf(document.querySelector('h1'))).to.equal('results.json on facades');
    expect([...document.querySelectorAll('h2')].map(textOf)).to.deep.equal(['How it was measured']);
  });
});
