import { createRequire } from 'node:module';
import { expect } from 'chai';
import { glyphsOf, limitsText, loadFont, noLimits, parsedFont } from '../../src/cli/font.ts';
import { drawDetections } from '../../src/render/overlay.ts';
import { isolated, letterOf, visualOrder } from '../../src/render/shape.ts';
import { drawText, type MoreGlyphs, measureText } from '../../src/render/text.ts';
import { plain } from './images.ts';

const all = () => true;
const none = () => false;
const drawn = (text: string, has = all) => visualOrder(text, has).join('');
const dejavu = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');

describe('the order and forms of characters', () => {
  it('leave text from left to right as it is', () => {
    for (const text of ['café 0.93', '犬', 'a (b)', '😀']) expect(drawn(text)).to.equal(text);
  });

  it('turn Hebrew with its brackets, and keep numbers', () => {
    expect(drawn('שלום', none)).to.equal([...'שלום'].reverse().join(''));
    expect(drawn('שלום (1)', none)).to.equal(`(1) ${[...'שלום'].reverse().join('')}`);
    expect(drawn('car שלום', none)).to.equal(`car ${[...'שלום'].reverse().join('')}`);
  });

  it('keep marks behind the letter that they stand on', () => {
    // shin with two points, lamed
    expect(visualOrder('\u05e9\u05bc\u05c1\u05dc', none)).to.deep.equal(['\u05dc', '\u05e9', '\u05bc', '\u05c1']);
  });

  it('turn characters of two units whole', () => {
    expect(visualOrder('\u{1e900}\u{1e901}', none)).to.deep.equal(['\u{1e901}', '\u{1e900}']);
    expect(visualOrder('א😀ב', none)).to.deep.equal(['ב', '😀', 'א']);
  });

  it('join Arabic letters: first, middle, last and alone', () => {
    // seen first, yeh middle, alef last, reh alone, teh marbuta alone; from the left it is the other way round
    expect(visualOrder('سيارة', all)).to.deep.equal(['\ufe93', '\ufead', '\ufe8e', '\ufef4', '\ufeb3']);
    // Persian letters, and the invisible mark that parts two
    expect(visualOrder('می\u200cشود', all)).to.deep.equal(['\ufea9', '\ufeee', '\ufeb7', '\ufbfd', '\ufee3']);
    // lam with alef is one form, alone and at the end of a word
    expect(visualOrder('لا', all)).to.deep.equal(['\ufefb']);
    expect(visualOrder('بلا', all)).to.deep.equal(['\ufefc', '\ufe91']);
    // vowel signs do not part letters
    expect(visualOrder('بِس', all)).to.deep.equal(['\ufeb2', '\ufe91', '\u0650']);
    // the stroke joins
    expect(visualOrder('هـ', all)).to.deep.equal(['\u0640', '\ufeeb']);
  });

  it('keep the letter where no font has its form', () => {
    expect(visualOrder('سي', none)).to.deep.equal(['ي', 'س']);
    expect(measureText('سي', 12).missing).to.have.members(['س', 'ي']);
    expect(letterOf('\ufeb3')).to.deep.equal(['س', 'first']);
    expect(letterOf('\ufefc')).to.deep.equal(['لا', 'last']);
    expect(letterOf('a')).to.equal(undefined);
  });

  it('keep what follows a name behind it', () => {
    expect(drawn(`${isolated('مرحبا world')} 0.60`, none)).to.equal(`world ${[...'مرحبا'].reverse().join('')} 0.60`);
    expect(isolated('world')).to.equal('world');
  });

  it('reach labels: a name is drawn from the right, its score behind it', async () => {
    const moreGlyphs: MoreGlyphs = await loadFont(dejavu);
    const image = plain({ width: 160, height: 60 }, [255, 255, 255]);
    const draw = (name: string, labelOf?: () => string) =>
      drawDetections(
        image,
        {
          boxes: Float32Array.of(10, 30, 150, 55),
          scores: Float32Array.of(0.9),
          labels: Int32Array.of(0),
          classes: [name],
        },
        { moreGlyphs, labelOf },
      );
    // forms of the Arabic chart stand as they are in text that is forced from left to right
    const forced = '\u202d\ufe93\ufead\ufe8e\ufef4\ufeb3\u202c 0.90';
    expect(draw('سيارة').data).to.deep.equal(draw('', () => forced).data);
    const options = { x: 5, y: 40, size: 30, moreGlyphs };
    expect(drawText(image, 'שלום', options).data).to.deep.equal(
      drawText(image, `\u202d${[...'שלום'].reverse().join('')}\u202c`, options).data,
    );
  });

  it('take joined forms from the substitutions of a font that has no characters for them', async () => {
    const font = await parsedFont(dejavu);
    const without = (lacks: (character: string) => boolean) => ({
      ...font,
      unitsPerEm: font.unitsPerEm,
      glyphs: font.glyphs,
      substitution: font.substitution,
      charToGlyph: (character: string) => font.charToGlyph(lacks(character) ? '\uffff' : character),
    });
    const isForm = (character: string) => letterOf(character) !== undefined;
    const limits = noLimits();
    const substituted = glyphsOf(without(isForm), limits);
    const whole = glyphsOf(font, noLimits());
    for (const form of ['\ufeb3', '\ufef4', '\ufe8e']) {
      expect(substituted(form)?.contours, form.codePointAt(0)?.toString(16)).to.deep.equal(whole(form)?.contours);
    }
    expect(limitsText(limits)).to.deep.equal([]);
  });

  it('that a font cannot give are named', async () => {
    const font = await parsedFont(dejavu);
    const limits = noLimits();
    const bare = {
      ...font,
      glyphs: font.glyphs,
      unitsPerEm: font.unitsPerEm,
      substitution: { getSingle: () => undefined },
    };
    const letters = glyphsOf(
      {
        ...bare,
        charToGlyph: (character) =>
          font.charToGlyph(letterOf(character) ? '\uffff' : character === 'क' ? 'a' : character),
      },
      limits,
    );
    const has = (character: string) => letters(character) !== undefined;
    expect(visualOrder('سي', has)).to.deep.equal(['ي', 'س']);
    expect(has('क')).to.equal(true);
    const [apart, scripts] = limitsText(limits);
    expect(apart).to.match(/^Drawn apart, since the font has no joined forms.*: س ي$/);
    expect(scripts).to.match(/^Letters of Devanagari stand side by side/);
  });
});
