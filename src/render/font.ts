import { ascender, descender, glyphs, kerning, unitsPerEm } from './font.data.ts';

/** The baked font: outlines on demand, in units of the em square, y upwards. */

/** A point of a TrueType contour. Between two points off the curve lies an implied one on it, half way. */
export interface OutlinePoint {
  readonly x: number;
  readonly y: number;
  readonly onCurve: boolean;
}

/** A character's outline, in units of the font. */
export interface Glyph {
  readonly advance: number;
  /** Closed contours; holes run the other way round. */
  readonly contours: readonly (readonly OutlinePoint[])[];
}

/**
 * Glyphs of characters that the baked font lacks, in its units (`fontMetrics.unitsPerEm`, y upwards); nothing where they
 * are lacking there as well.
 */
export type MoreGlyphs = (character: string) => Glyph | undefined;

/** A glyph of another font, cut off where it would reach out of the line: half an em beside it, the baked font's heights. */
export function withinLine({ advance, contours }: Glyph): Glyph {
  const beside = fontMetrics.unitsPerEm / 2;
  const held = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most);
  return {
    advance,
    contours: contours.map((contour) =>
      contour.map(({ x, y, onCurve }) => ({
        x: held(x, -beside, advance + beside),
        y: held(y, fontMetrics.descender, fontMetrics.ascender),
        onCurve,
      })),
    ),
  };
}

/** Heights above and below the baseline, as parts of the text size. */
export const fontMetrics = {
  unitsPerEm,
  ascender,
  descender,
  /** Height of a small x: text is scaled so that this falls on a whole pixel. */
  xHeight: 1120,
  capHeight: 1493,
} as const;

let records: Map<string, readonly [advance: number, contours: string]> | undefined;
let pairs: Map<string, number> | undefined;
const decoded = new Map<string, Glyph>();

/** The glyph of one character (a code point), or undefined where the font was not baked with it. */
export function glyphOf(character: string): Glyph | undefined {
  const known = decoded.get(character);
  if (known) return known;
  records ??= new Map(glyphs.map(([name, advance, contours]) => [name, [advance, contours]]));
  const record = records.get(character);
  if (!record) return undefined;
  const glyph = { advance: record[0], contours: decodeContours(record[1]) };
  decoded.set(character, glyph);
  return glyph;
}

/** How much closer (negative) `right` stands to `left` than their advance widths say. */
export function kerningOf(left: string, right: string): number {
  pairs ??= new Map(
    kerning.flatMap(([value, text]) => (text.match(/../gsu) ?? []).map((pair) => [pair, value] as const)),
  );
  return pairs.get(left + right) ?? 0;
}

/** What stands for a character that the font lacks: an upright frame. */
export const missingGlyph: Glyph = {
  advance: 1229,
  contours: [frame(102, 0, 1127, 1493, 1), frame(204, 102, 1025, 1391, -1)],
};

function frame(left: number, bottom: number, right: number, top: number, direction: 1 | -1): OutlinePoint[] {
  const corners = [
    [left, bottom],
    [left, top],
    [right, top],
    [right, bottom],
  ].map(([x, y]) => ({ x: x!, y: y!, onCurve: true }));
  return direction === 1 ? corners : corners.reverse();
}

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The inverse of `encodeContours` in scripts/bake_font.ts: base64 VLQ; count, then (2·dx + on the curve, dy) per point. */
function decodeContours(text: string): OutlinePoint[][] {
  let position = 0;
  const next = () => {
    let value = 0;
    for (let shift = 0; ; shift += 5) {
      const digit = base64.indexOf(text[position++]!);
      value |= (digit & 31) << shift;
      if (!(digit & 32)) return value & 1 ? -(value >> 1) : value >> 1;
    }
  };
  const contours: OutlinePoint[][] = [];
  let x = 0;
  let y = 0;
  while (position < text.length) {
    contours.push(
      Array.from({ length: next() }, () => {
        const step = next();
        x += step >> 1;
        y += next();
        return { x, y, onCurve: (step & 1) === 1 };
      }),
    );
  }
  return contours;
}
