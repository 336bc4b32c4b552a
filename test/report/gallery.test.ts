import { expect } from 'chai';
import type { ImageSet, LabelledImage, LabelledObject } from '../../src/data/image_set.ts';
import { ConfigError, DataError } from '../../src/errors.ts';
import { encodePng } from '../../src/formats/png_write.ts';
import { encodeBitmap } from '../../src/postprocess/rle.ts';
import { type GalleryOptions, galleryHtml } from '../../src/report/gallery.ts';
import { documentOf } from './document.ts';
import { codec } from './fixtures.ts';

const size = { width: 80, height: 60 };
const bytes = encodePng({ ...size, data: new Uint8Array(4 * 80 * 60).fill(120) });

const object = (id: number, label: number, more: Partial<LabelledObject> = {}): LabelledObject => ({
  id,
  label,
  box: [10, 20, 50, 40],
  area: 800,
  crowd: false,
  ...more,
});

function setOf(images: readonly Partial<LabelledImage>[], more: Partial<ImageSet> = {}): ImageSet {
  return {
    format: 'coco',
    name: 'set',
    split: undefined,
    kinds: ['objects'],
    classes: ['cat', 'dog'],
    count: images.length,
    notices: [],
    async *images() {
      for (const [i, image] of images.entries()) {
        yield { id: i + 1, file: `${i}.png`, size, bytes: async () => bytes, ...image };
      }
    },
    ...more,
  };
}

async function pageOf(set: ImageSet, options?: GalleryOptions) {
  const gallery = await galleryHtml(set, codec, options);
  return { ...gallery, document: documentOf(gallery.html) };
}

const hostile = `</script><img src=x onerror="alert(1)">'\`&\u0000`;

describe('the gallery of a data set', () => {
  it('draws boxes, outlines, runs and keypoints in a drawing that is never small', async () => {
    const bitmap = new Uint8Array(80 * 60).fill(0);
    for (let y = 10; y < 30; y++) bitmap.fill(1, y * 80 + 20, y * 80 + 60);
    const objects = [
      object(1, 0, { polygons: [[10, 20, 50, 20, 50, 40]] }),
      object(2, 1, { mask: encodeBitmap(bitmap, size), area: 1600 }),
      object(3, 1, {
        keypoints: [
          [12, 22, 2],
          [30, 30, 1],
          [0, 0, 0],
        ],
        area: 1,
      }),
    ];
    const keypoints = {
      names: ['a', 'b', 'c'],
      skeleton: [
        [0, 1],
        [1, 2],
      ] as const,
    };
    const { document } = await pageOf(setOf([{ objects }], { keypoints }));
    // the largest is drawn first
    const paths = [...document.querySelectorAll('.objects .mask')].map((path) => path.getAttribute('d'));
    expect(paths).to.deep.equal(['M300 50L300 150L100 150L100 50Z', 'M50 100L250 100L250 200Z']);
    expect(document.querySelector('.objects .box')?.getAttribute('d')).to.equal('M50 100H250V200H50Z');
    expect(document.querySelector('.keypoints path')?.getAttribute('d')).to.equal('M60 110L150 150');
    expect(document.querySelectorAll('.keypoints circle')).to.have.length(2);
    expect(document.querySelectorAll('.keypoints .covered')).to.have.length(1);
  });

  it('scales labels by the size that they were made for', async () => {
    const half = { width: 40, height: 30 };
    const { document } = await pageOf(setOf([{ size: half, objects: [object(1, 0, { box: [5, 10, 25, 20] })] }]));
    expect(document.querySelector('.objects .box')?.getAttribute('d')).to.equal('M50 100H250V200H50Z');
  });

  it('has a switch and a count for every class that occurs', async () => {
    const { document } = await pageOf(
      setOf([{ objects: [object(1, 1), object(2, 1)] }, { objects: [object(3, 0)] }, {}]),
    );
    const texts = [...document.querySelectorAll('.classes label')].map(({ textContent }) => textContent);
    expect(texts).to.deep.equal(['dog 2', 'cat 1']);
    const shown = [...document.querySelectorAll('.item')].map((item) => item.getAttribute('data-classes'));
    expect(shown).to.deep.equal(['1', '0', '']);
    expect(document.querySelector('style')?.textContent).to.include(
      'main:has(#class-1:not(:checked)) .objects .c1 { display: none; }',
    );
  });

  it('has switches for the layers that there are; label maps are off if there are objects', async () => {
    const labels = async () => ({ ...size, labels: new Uint8Array(80 * 60).fill(1) });
    const maps = { labelClasses: ['sky', 'cat'], kinds: ['labels'] } as const;
    const { document } = await pageOf(setOf([{ labels }], maps));
    const switches = (page: typeof document) =>
      [...page.querySelectorAll('fieldset input')].map((box) => [
        box.getAttribute('id'),
        box.getAttribute('checked') !== null,
      ]);
    expect(switches(document)).to.deep.equal([['show-labels', true]]);
    const both = await pageOf(setOf([{ labels, objects: [object(1, 0)] }], maps));
    expect(switches(both.document)).to.deep.equal([
      ['show-box', true],
      ['show-tag', true],
      ['show-labels', false],
      // cat is the second class of the label maps, and has its colour
      ['class-1', true],
    ]);
  });

  it('draws results above a score with dashed lines, joined by the ids of images and classes', async () => {
    const set = setOf([{ id: 40, objects: [object(1, 0)] }], { categoryIds: [7, 9] });
    const result = (more: object) => ({
      image_id: 40,
      category_id: 9,
      score: 0.9,
      bbox: [1, 2, 3, 4] as const,
      ...more,
    });
    const results = [result({}), result({ score: 0.2 }), result({ image_id: 41 }), result({ category_id: 8 })];
    const { document } = await pageOf(set, { results });
    const drawn = [...document.querySelectorAll('.result title')].map(({ textContent }) => textContent);
    expect(drawn).to.deep.equal(['dog 90 % (result; box 1, 2, 4, 6)']);
    expect(document.querySelector('.item small')?.textContent).to.equal('80 × 60 · 1 object · 1 result');
  });

  it('joins results to a layout without ids by numbers from 1, as they are evaluated', async () => {
    const set = setOf([{ id: 'a.xml', objects: [object(1, 0)] }, { id: 'b.xml' }], { format: 'voc' });
    const results = [{ image_id: 2, category_id: 1, score: 0.9, bbox: [1, 2, 3, 4] as const }];
    const { document, notices } = await pageOf(set, { results });
    const drawn = [...document.querySelectorAll('.result title')].map(({ textContent }) => textContent);
    expect(drawn).to.deep.equal(['cat 90 % (result; box 1, 2, 4, 6)']);
    expect(document.querySelectorAll('.item small')[1]?.textContent).to.include('1 result');
    expect(notices).to.deep.equal([]);
  });

  it('says that results are of images that the data set does not have', async () => {
    const results = [1, 8, 9].map((id) => ({ image_id: id, category_id: 1, score: 0.9, bbox: [1, 2, 3, 4] as const }));
    const { notices } = await pageOf(setOf([{}, {}]), { results });
    expect(notices.join()).to.match(/^2 of 3 results .*ids 8, 9/);
  });

  it('takes images of some classes only', async () => {
    const set = setOf([{ objects: [object(1, 0), object(2, 1)] }, { objects: [object(3, 1)] }, { label: 0 }]);
    const { shown, document } = await pageOf(set, { classes: ['cat'] });
    expect(shown).to.equal(2);
    expect(document.querySelectorAll('.objects > g')).to.have.length(1);
    const wrong = await galleryHtml(set, codec, { classes: ['cot'] }).catch((error: unknown) => error);
    expect(wrong).to.be.instanceOf(ConfigError);
    expect((wrong as Error).message).to.match(/class "cot"\. Did you mean "cat"/);
  });

  it('is bounded in images and in bytes, and says how many of how many are shown', async () => {
    const set = setOf(Array.from({ length: 10 }, () => ({})));
    const few = await pageOf(set, { limit: 3 });
    expect([few.shown, few.cut]).to.deep.equal([3, 'the limit is 3']);
    expect(few.document.querySelector('.lead')?.textContent).to.match(/^3 of 10 images: the limit is 3\./);
    const small = await galleryHtml(set, codec, { maxBytes: 3000 });
    expect(small.shown).to.be.within(1, 9);
    expect(small.cut).to.match(/larger than/);
    expect((await galleryHtml(set, codec)).cut).to.equal(undefined);
  });

  it('shows what was read before a fault, and the reason in place of an image that cannot be read', async () => {
    const missing = async () => Promise.reject(new DataError('0.png: there is no such file.'));
    const set = setOf([{ bytes: missing, objects: [object(1, 0)] }], {
      count: 5,
      async *images() {
        yield { id: 1, file: '0.png', size, objects: [object(1, 0)], bytes: missing };
        throw new DataError('labels/1.txt, line 2: no number.');
      },
    });
    const { document, notices, shown } = await pageOf(set);
    expect(shown).to.equal(1);
    expect(document.querySelector('.reason')?.textContent).to.equal('0.png: there is no such file.');
    expect(notices).to.deep.equal(['0.png: there is no such file.', 'After 1 image: labels/1.txt, line 2: no number.']);
  });

  it('leaves out images whose labels cannot be read, and says so', async () => {
    const set = setOf([], {
      count: 2,
      async *images({ onFault } = {}) {
        onFault?.(new DataError('labels/0.txt: not a text.'));
        yield { id: 2, file: '1.png', size, bytes: async () => bytes };
      },
    });
    const { shown, notices, document } = await pageOf(set);
    expect([shown, notices]).to.deep.equal([1, ['labels/0.txt: not a text.']]);
    expect(document.querySelector('#data li')?.textContent).to.equal('labels/0.txt: not a text.');
  });

  it('writes names as text, and has no script but its own', async () => {
    const set = setOf([{ file: hostile, objects: [object(1, 0)] }, { label: 1 }], {
      name: hostile,
      split: hostile,
      classes: [hostile, hostile.toUpperCase()],
      labelClasses: [hostile],
      notices: [hostile],
    });
    const { html, document } = await pageOf(set);
    expect([...html.matchAll(/<script/g)]).to.have.length(1);
    expect(document.querySelectorAll('[onerror]')).to.have.length(0);
    const sources = [...document.querySelectorAll('img')].map((image) => image.getAttribute('src')?.slice(0, 11));
    expect(new Set(sources)).to.deep.equal(new Set(['data:image/']));
    expect(html).not.to.include('\u0000');
  });

  it('counts objects beyond the first 300 and does not draw them', async () => {
    const { document } = await pageOf(setOf([{ objects: Array.from({ length: 400 }, (_, i) => object(i, 0)) }]));
    expect(document.querySelectorAll('.objects > g')).to.have.length(300);
    expect(document.querySelector('.item small')?.textContent).to.include('400 objects · the first 300 are drawn');
  });
});
