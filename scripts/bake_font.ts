import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import opentype, { type Font } from 'opentype.js';

/**
 * Writes `src/render/font.data.ts`: the outlines of DejaVu Sans for the characters of European class names. The glyphs
 * are the font's quadratic curves, neither hinted nor simplified. Run it after changing the list of characters;
 * `test/render/text.test.ts` reads the result:
 *
 *     npx tsx scripts/bake_font.ts
 */

const target = new URL('../src/render/font.data.ts', import.meta.url);

const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => String.fromCodePoint(from + i));
/** ASCII, Latin-1 without control characters and the soft hyphen, and the punctuation of captions. */
const characters = [
  ...range(0x20, 0x7e),
  ...range(0xa0, 0xff).filter((character) => character !== '\u00ad'),
  ...'–—‘’“”•…€→−≤≥',
].sort((a, b) => (a < b ? -1 : 1));

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** Encodes base64 VLQ as source maps do: sign in the lowest bit, five bits per digit, the sixth set if more follow. */
function vlq(value: number): string {
  let rest = value < 0 ? (-value << 1) | 1 : value << 1;
  let text = '';
  do {
    const digit = rest & 31;
    rest >>>= 5;
    text += base64[rest ? digit | 32 : digit];
  } while (rest);
  return text;
}

/**
 * Encodes a contour as its number of points, then per point the step (dx, dy) from the one before, dx doubled plus "on
 * the curve".
 */
function encodeContours(font: Font, character: string): string {
  const glyph = font.charToGlyph(character);
  if (glyph.index === 0) throw new Error(`DejaVu Sans has no "${character}"`);
  glyph.getPath(); // resolves the parts of composed glyphs
  let x = 0;
  let y = 0;
  let text = '';
  for (const contour of glyph.getContours()) {
    text += vlq(contour.length);
    for (const point of contour) {
      const dx = Math.round(point.x) - x;
      const dy = Math.round(point.y) - y;
      text += vlq(dx * 2 + (point.onCurve ? 1 : 0)) + vlq(dy);
      x += dx;
      y += dy;
    }
  }
  return text;
}

function kerningOf(font: Font): Map<string, number> {
  const pairs = new Map<string, number>();
  const glyphs = new Map(characters.map((character) => [character, font.charToGlyph(character).index]));
  for (const [left, l] of glyphs) {
    for (const [right, r] of glyphs) {
      const value = font.kerningPairs[`${l},${r}`];
      if (value) pairs.set(left + right, value);
    }
  }
  return pairs;
}

const quoted = (text: string) => `'${text.replace(/[\\']/g, '\\$&').replace('\u00a0', '\\u00a0')}'`;

const path = createRequire(import.meta.url).resolve('dejavu-fonts-ttf/ttf/DejaVuSans.ttf');
const file = readFileSync(path);
const font = opentype.parse(file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer);

// one line per kerning value keeps the table short: many pairs share few values
const kerning = new Map<number, string[]>();
for (const [pair, value] of kerningOf(font)) kerning.set(value, [...(kerning.get(value) ?? []), pair]);

writeFileSync(
  target,
  `/**
 * Outlines of DejaVu Sans 2.37 (licence in THIRD_PARTY_NOTICES.md), written by scripts/bake_font.ts: do not edit.
 * Lengths are in font units; \`text.ts\` decodes the contours.
 */

export const unitsPerEm = ${font.unitsPerEm};
export const ascender = ${font.ascender};
export const descender = ${font.descender};

/** Character, advance width, contours. */
export const glyphs: readonly (readonly [character: string, advance: number, contours: string])[] = [
${characters.map((c) => `  [${quoted(c)}, ${font.charToGlyph(c).advanceWidth}, '${encodeContours(font, c)}'],`).join('\n')}
];

/** Kerning: a value and the pairs of characters that it moves together (or apart, if positive). */
export const kerning: readonly (readonly [value: number, pairs: string])[] = [
${[...kerning]
  .sort(([a], [b]) => a - b)
  .map(([value, pairs]) => `  [${value}, ${quoted(pairs.join(''))}],`)
  .join('\n')}
];
`,
);
console.log(`${characters.length} glyphs, ${[...kerning.values()].flat().length} kerning pairs -> ${target.pathname}`);
