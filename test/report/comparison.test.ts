import { expect } from 'chai';
import type { ComparisonReport } from '../../src/evaluate/evaluation.ts';
import { comparisonReport } from '../../src/report/comparison.ts';
import { documentOf, type Node } from './document.ts';
import { codec, comparisonFixture } from './fixtures.ts';

const textOf = (node: Node | null | undefined): string => (node?.textContent ?? '').replace(/\s+/g, ' ').trim();
const reportOf = async (comparison: ComparisonReport, options = {}) =>
  documentOf(await comparisonReport(comparison, codec, options));

describe('the report of a comparison', () => {
  it('has both figures, the difference, and what to make of it', async () => {
    const comparison = comparisonFixture();
    const document = await reportOf(comparison);
    const tiles = [...document.querySelectorAll('.tiles strong')].map(textOf);
    const [main] = comparison.figures;
    expect(tiles).to.deep.equal([(100 * main!.a).toFixed(1), (100 * main!.b).toFixed(1), '+6.0']);
    expect(textOf(document.querySelector('.tiles'))).to.include('B is better than A by more than chance.');
    expect(textOf(document.querySelector('h1'))).to.equal('small.json and large.json on facades');
  });

  it('says that an interval which holds 0 may be chance', async () => {
    const comparison = comparisonFixture();
    const document = await reportOf({ ...comparison, figures: comparison.figures.slice(1) });
    expect(textOf(document.querySelector('.tiles'))).to.include('No difference beyond chance: the interval holds 0.');
  });

  it('lists every figure with its interval, and a dash where there is no truth', async () => {
    const document = await reportOf(comparisonFixture());
    const rows = [...document.querySelectorAll('#figures tbody tr')].map((row) =>
      [...row.querySelectorAll('th, td')].map(textOf).join(' '),
    );
    expect(rows).to.have.length(12);
    expect(rows[0]).to.match(/^AP [\d.]+ [\d.]+ \+6\.00 \+[\d.]+ to \+[\d.]+ 97 %$/);
    expect(rows[2]).to.include('−5.0');
    expect(rows[3]).to.include('none: no object of this kind in the truth');
    const plots = [...document.querySelectorAll('svg.plot')];
    expect(plots).to.have.length(2);
    expect(plots[0]?.getAttribute('aria-label')).to.include('AP +6.0');
    expect(plots[0]?.getAttribute('aria-label')).to.not.include('AP small');
  });

  it('shows the images that changed most in pairs, as many as fit the bound', async () => {
    const document = await reportOf(comparisonFixture(), { maxImages: 5 });
    const pairs = [...document.querySelectorAll('.pair')];
    expect(pairs).to.have.length(2);
    expect([...(pairs[0]?.querySelectorAll('figcaption') ?? [])].map((one) => textOf(one).slice(0, 3))).to.deep.equal([
      'A ·',
      'B ·',
    ]);
    expect(textOf(document.querySelector('#images'))).to.include(
      '4 images of 4 differ at IoU 0.50. The 2 images with the largest change',
    );
  });

  it('can be made when nothing differs', async () => {
    const document = await reportOf({
      ...comparisonFixture(),
      figures: [],
      perClass: [],
      images: [],
      shown: [],
      notices: [],
    });
    expect(textOf(document.querySelector('#images'))).to.include('No image differs');
  });

  it('is harmless with hostile names, and cuts long lists', async () => {
    const bad = ['"><img src=x onerror=alert(1)>', 'w'.repeat(20_000), '__proto__', '\u202eاسم', ''];
    const classes = [...bad, ...Array.from({ length: 100 }, (_, i) => `class ${i}`)];
    const comparison = comparisonFixture({ classes, file: (i) => bad[i]! });
    const text = await comparisonReport({ ...comparison, a: bad[0]!, b: bad[1]!, notices: bad }, codec);
    const document = documentOf(text);
    expect([...document.querySelectorAll('script, img[src=x]')]).to.have.length(0);
    expect(text).to.not.include('w'.repeat(1000));
    expect(textOf(document.querySelector('#classes'))).to.include('The 60 of 104 with the largest difference.');
    expect(text).to.not.match(/NaN|undefined|\[object/);
  });
});
