import { expect } from 'chai';

import { cutName, dataUrl, facts, html, nameHtml, pageHtml, printable, table, trusted } from '../../src/report/html.ts';
import { colors, lineColors } from '../../src/report/styles.ts';
import { documentOf } from './document.ts';

const hostile = `"><img src=x onerror=alert(1)>'\`</script><script>alert(2)</script>&amp;`;

describe('the markup of a page', () => {
  it('escapes text and attributes, and leaves markup', () => {
    const made = html`<p title="${hostile}">${[hostile, html`<b>${7}</b>`, false, undefined]}</p>`;
    const document = documentOf(`${made}`);
    expect(document.querySelector('p')?.getAttribute('title')).to.equal(hostile);
    expect(document.querySelector('p')?.textContent).to.equal(`${hostile}7`);
    expect(document.querySelectorAll('img, script')).to.have.length(0);
    expect(`${html`${trusted('<i>x</i>')}`}`).to.equal('<i>x</i>');
  });

  it('replaces control characters and halves of surrogate pairs', () => {
    expect(printable('a\u0000b\ud800c\u{1f600}\n')).to.equal('a\ufffdb\ufffdc\u{1f600}\n');
  });

  it('cuts names in the middle, by characters', () => {
    expect(cutName('short')).to.equal('short');
    const cut = cutName(`${'a'.repeat(20_000)}-last.jpg`, 30);
    expect(Array.from(cut)).to.have.length(30);
    expect(cut.endsWith('-last.jpg')).to.equal(true);
    expect(Array.from(cutName('\u{1f600}'.repeat(100), 10))).to.have.length(10);
    expect(cutName('\u{1f600}'.repeat(100), 10)).to.not.match(/\ufffd/);
  });

  it('keeps the direction of a name to itself', () => {
    expect(`${nameHtml('\u202eevil')}`).to.equal('<bdi>\u202eevil</bdi>');
    expect(`${nameHtml('')}`).to.include('(empty name)');
    expect(`${nameHtml('x'.repeat(500))}`.length).to.be.lessThan(600);
  });

  it('gives a table a caption and headings of rows and columns', () => {
    const made = table('numbers', [{ head: 'class' }, { head: 'AP', numeric: true }], [['__proto__', 0.5]]);
    const document = documentOf(`${made}`);
    expect(document.querySelector('caption')?.textContent).to.equal('numbers');
    expect(document.querySelector('tbody th[scope=row]')?.textContent).to.equal('__proto__');
    expect(document.querySelector('td.number')?.textContent).to.equal('0.5');
    expect(
      `${facts([
        ['a', undefined],
        ['b', 'c'],
      ])}`,
    ).to.not.include('<dt>a');
  });

  it('writes bytes as base64', () => {
    for (const length of [0, 1, 2, 3, 4, 12_288, 12_289]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 37) % 256);
      expect(dataUrl(bytes, 'image/png')).to.equal(`data:image/png;base64,${Buffer.from(bytes).toString('base64')}`);
    }
  });

  it('makes a page that allows nothing but its own styles, images and script', async () => {
    const sections = [1, 2, 3].map((n) => ({
      id: `s${n}`,
      title: `${hostile} ${n}`,
      lead: hostile,
      body: html`<p>x</p>`,
    }));
    const text = await pageHtml({ title: hostile, sections, script: 'document.title;' });
    const document = documentOf(text);
    const policy = document.querySelector('meta[http-equiv=Content-Security-Policy]')?.getAttribute('content');
    expect(policy).to.include(`default-src 'none'`);
    expect(policy).to.match(/script-src 'sha256-[\w+/]{43}='/);
    expect(document.querySelectorAll('script')).to.have.length(1);
    expect(document.querySelectorAll('main img')).to.have.length(0);
    expect(document.querySelectorAll('nav a')).to.have.length(3);
    expect(document.querySelectorAll('h1')).to.have.length(1);
    expect(await pageHtml({ title: 'x', sections: [] })).to.not.include('script');
  });
});

/** Returns the contrast of two colours as WCAG 2 defines it. */
function contrast(a: string, b: string): number {
  const luminance = (color: string) => {
    const [r, g, blue] = [1, 3, 5].map((at) => {
      const c = Number.parseInt(color.slice(at, at + 2), 16) / 255;
      return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r! + 0.7152 * g! + 0.0722 * blue!;
  };
  const [x, y] = [luminance(a), luminance(b)];
  return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05);
}

describe('the colours of a page', () => {
  for (const [i, theme] of (['light', 'dark'] as const).entries()) {
    it(`can be read in ${theme}`, () => {
      for (const behind of ['paper', 'sheet', 'sunken'] as const) {
        for (const name of ['ink', 'quiet', 'accent', 'hit', 'alarm', 'miss', 'warn'] as const) {
          expect(contrast(colors[name][i]!, colors[behind][i]!), `${name} on ${behind}`).to.be.at.least(4.5);
        }
      }
      for (const [n, line] of lineColors.entries()) {
        expect(contrast(line[i]!, colors.sheet[i]!), `line ${n}`).to.be.at.least(4.5);
      }
    });
  }
});
