import type { Raster } from '../image/raster.ts';
import {
  addCoverage,
  addCurve,
  addLine,
  alphaOf,
  type Canvas,
  type Coverage,
  canvasFrom,
  createCoverage,
  paintShape,
} from './canvas.ts';
import { black, type Color } from './colors.ts';
import { ascender, descender, glyphs, kerning, unitsPerEm } from './font.data.ts';
import { visualOrder } from './shape.ts';

/** Lines of text, anti-aliased, from a baked font: its outlines, measuring, and painting. */

/** A point of a TrueType contour. Between two points off the curve lies an implied one on it, half way. */
export interface OutlinePoint {
  readonly x: number;
  readonly y: number;
  readonly onCurve: boolean;
}

/** A character's outline, in units of the font, y upwards. */
export interface Glyph {
  readonly advance: number;
  /** Closed contours; holes run the other way round. */
  readonly contours: readonly (readonly OutlinePoint[])[];
}

/**
 * Finds glyphs of characters that the baked font lacks, in its units (`fontMetrics.unitsPerEm`, y upwards). Returns
 * undefined if they are lacking there as well. Arabic letters are asked for in their joined forms, as characters of
 * Unicode's presentation forms, and then alone.
 */
export type MoreGlyphs = (character: string) => Glyph | undefined;

/** Options of everything that writes names. */
export interface GlyphOptions {
  /** Gives the characters that the baked font lacks. */
  readonly moreGlyphs?: MoreGlyphs | undefined;
  /** Called once, with the characters that no font has and that were drawn as frames. */
  readonly onMissingGlyphs?: ((characters: readonly string[]) => void) | undefined;
}

/** Heights in units of the em square, above (or below) the baseline. */
export const fontMetrics = {
  unitsPerEm,
  ascender,
  descender,
  /** The height of a small x: text is scaled so that this falls on a whole pixel. */
  xHeight: 1120,
  capHeight: 1493,
} as const;

let records: Map<string, readonly [advance: number, contours: string]> | undefined;
let pairs: Map<string, number> | undefined;
const decoded = new Map<string, Glyph>();

/** Returns the glyph of one character (a code point), or undefined if the font was not baked with it. */
export function glyphOf(character: string): Glyph | undefined {
  const known = decoded.get(character);
  if (known) return known;
  records ??= new Map(glyphs.map(([name, advance, contours]) => [name, [advance, contours]]));
  const record = records.get(character);
  if (!record) return undefined;
  const [advance, contours] = record;
  const glyph = { advance, contours: decodeContours(contours) };
  decoded.set(character, glyph);
  return glyph;
}

/** Returns how much closer (negative) `right` stands to `left` than their advance widths say. */
export function kerningOf(left: string, right: string): number {
  pairs ??= new Map(
    kerning.flatMap(([value, text]) => (text.match(/../gsu) ?? []).map((pair) => [pair, value] as const)),
  );
  return pairs.get(left + right) ?? 0;
}

const base64 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';

/** The inverse of `encodeContours` in scripts/bake_font.ts: base64 VLQ; count, then (2·dx + on the curve, dy) per point. */
function decodeContours(text: string): OutlinePoint[][] {
  let position = 0;
  const next = () => {
    let value = 0;
    for (let shift = 0; ; shift += 5) {
      const digit = base64.indexOf(text.charAt(position++));
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

/** Replaces a character that no font has: an upright frame. */
const missingGlyph: Glyph = {
  advance: 1229,
  contours: [frame(102, 0, 1127, 1493), frame(204, 102, 1025, 1391).reverse()],
};

function frame(left: number, bottom: number, right: number, top: number): OutlinePoint[] {
  const corner = (x: number, y: number) => ({ x, y, onCurve: true });
  return [corner(left, bottom), corner(left, top), corner(right, top), corner(right, bottom)];
}

/** Cuts off a glyph of another font that reaches out of the line: half an em beside it, the baked font's heights. */
function withinLine({ advance, contours }: Glyph): Glyph {
  const beside = fontMetrics.unitsPerEm / 2;
  const clamp = (value: number, least: number, most: number) => Math.min(Math.max(value, least), most);
  return {
    advance,
    contours: contours.map((contour) =>
      contour.map(({ x, y, onCurve }) => ({
        x: clamp(x, -beside, advance + beside),
        y: clamp(y, fontMetrics.descender, fontMetrics.ascender),
        onCurve,
      })),
    ),
  };
}

/** The room that a line of text takes. */
export interface TextMeasure {
  /** From the first letter's origin to the end of the last one's advance, in pixels (not rounded). */
  readonly width: number;
  /** Pixels from the baseline up to the font's highest accents. */
  readonly ascent: number;
  /** Pixels from the baseline down to the lowest descender. */
  readonly descent: number;
  /** Characters that no font has, each once; they are drawn as a frame. */
  readonly missing: readonly string[];
}

/** A line of text laid out. */
interface Line extends TextMeasure {
  readonly glyphs: readonly { readonly character: string; readonly glyph: Glyph; readonly x: number }[];
  readonly scaleX: number;
  readonly scaleY: number;
}

function layOut(text: string, size: number, moreGlyphs?: MoreGlyphs): Line {
  const { unitsPerEm, ascender, descender, xHeight } = fontMetrics;
  const scaleX = size / unitsPerEm;
  // instead of hinting: small letters end on a pixel border, which keeps their horizontal strokes sharp
  const scaleY = Math.max(1, Math.round(xHeight * scaleX)) / xHeight;
  const placed: { character: string; glyph: Glyph; x: number }[] = [];
  const missing = new Set<string>();
  let x = 0;
  let previous = '';
  // NFC: "e" with a combining accent becomes the one character that the font has
  const line = text.normalize('NFC').replace(/\s/gu, ' ');
  const has = (character: string) => (glyphOf(character) ?? moreGlyphs?.(character)) !== undefined;
  for (const character of visualOrder(line, has)) {
    const other = glyphOf(character) ? undefined : moreGlyphs?.(character);
    const known = glyphOf(character) ?? (other && withinLine(other));
    if (!known) missing.add(character);
    const glyph = known ?? missingGlyph;
    x += kerningOf(previous, character) * scaleX;
    placed.push({ character, glyph, x });
    x += glyph.advance * scaleX;
    previous = character;
  }
  return {
    width: x,
    ascent: ascender * scaleY,
    descent: -descender * scaleY,
    missing: [...missing],
    glyphs: placed,
    scaleX,
    scaleY,
  };
}

/**
 * Measures `text` on one line at `size` pixels. Line breaks and tabs count as spaces. Text from right to left is turned,
 * Arabic letters are joined.
 */
export function measureText(text: string, size: number, moreGlyphs?: MoreGlyphs): TextMeasure {
  const { width, ascent, descent, missing } = layOut(text, size, moreGlyphs);
  return { width, ascent, descent, missing };
}

/** Calls `onMissingGlyphs` if no font has some character of the texts. */
export function reportMissing(texts: readonly string[], { moreGlyphs, onMissingGlyphs }: GlyphOptions): void {
  const missing = new Set(texts.flatMap((text) => layOut(text, 1, moreGlyphs).missing));
  if (missing.size > 0) onMissingGlyphs?.([...missing]);
}

/** Returns `text`, or as much of it as fits into `width` pixels with an ellipsis after it; empty if not even that fits. */
export function fitText(text: string, size: number, width: number, moreGlyphs?: MoreGlyphs): string {
  if (measureText(text, size, moreGlyphs).width <= width) return text;
  const characters = [...text];
  for (let kept = characters.length - 1; kept > 0; kept--) {
    const shortened = `${characters.slice(0, kept).join('').trimEnd()}…`;
    if (measureText(shortened, size, moreGlyphs).width <= width) return shortened;
  }
  return '';
}

/** Where and how a line of text is drawn. */
export interface TextOptions {
  /** The start of the baseline, in pixels from the left edge; fractions are kept. */
  readonly x: number;
  /** The baseline, in pixels from the top; rounded, so that letters stand on a pixel border. */
  readonly y: number;
  /** The size of the em square in pixels. */
  readonly size: number;
  /** By default black. */
  readonly color?: Color | undefined;
  /** 0 to 1, by default 1. */
  readonly opacity?: number | undefined;
  /** Gives the characters that the baked font lacks. */
  readonly moreGlyphs?: MoreGlyphs | undefined;
}

/**
 * Draws one line of text on a copy of the raster, anti-aliased, from the baked font (ASCII, Latin-1 and a few signs). A
 * character that no font has is drawn as a frame; `measureText(...).missing` names it.
 */
export function drawText(raster: Raster, text: string, options: TextOptions): Raster {
  const canvas = canvasFrom(raster);
  paintText(canvas, text, options);
  return canvas;
}

/** Coverage of letters that are not in the baked font, for lines that are painted with the same glyphs. */
export type GlyphShapes = Map<string, GlyphShape>;

/** Coverage of the baked font's letters, by character, size and share of a pixel: names and digits come again in the next image. */
const bakedShapes: GlyphShapes = new Map();
/** How many values they have, and may have before all are forgotten: 2 MB. */
let bakedValues = 0;
const mostBakedValues = 2 ** 18;

/** The coverage of one letter, whose top left corner is at (left, top) from the pixel of its origin. */
interface GlyphShape {
  readonly left: number;
  readonly top: number;
  readonly coverage: Coverage;
}

/** As `drawText`, in place. */
export function paintText(canvas: Canvas, text: string, options: TextOptions, shapes: GlyphShapes = new Map()): void {
  const { x, y, size, color = black, opacity = 1, moreGlyphs } = options;
  const line = layOut(text, size, moreGlyphs);
  // letters may reach a little beyond their advance width on both sides
  const margin = Math.ceil(size / 2) + 1;
  const left = Math.floor(x) - margin;
  const ascent = Math.ceil(line.ascent) + 1;
  const room = {
    width: Math.ceil(line.width) + 2 * margin + 1,
    height: ascent + Math.ceil(line.descent) + 1,
  };
  paintShape(canvas, room, left, Math.round(y) - ascent, color, alphaOf(opacity), (shape) => {
    for (const { character, glyph, x: glyphX } of line.glyphs) {
      if (glyph.contours.length === 0) continue;
      const origin = x - left + glyphX;
      const share = origin - Math.floor(origin);
      const letter = letterOf(character, glyph, size, share, line, shapes);
      addCoverage(shape, letter.coverage, Math.floor(origin) + letter.left, ascent + letter.top);
    }
  });
}

/** Returns the coverage of a letter, which is outlined once for each size and share of a pixel. */
function letterOf(
  character: string,
  glyph: Glyph,
  size: number,
  share: number,
  line: Line,
  shapes: GlyphShapes,
): GlyphShape {
  const key = `${character} ${size} ${share}`;
  const isBaked = glyph === glyphOf(character);
  const known = (isBaked ? bakedShapes : shapes).get(key);
  if (known) return known;
  const letter = shapeOf(glyph, share, line);
  if (!isBaked) {
    shapes.set(key, letter);
    return letter;
  }
  bakedValues += letter.coverage.changes.length;
  if (bakedValues > mostBakedValues) {
    bakedShapes.clear();
    bakedValues = letter.coverage.changes.length;
  }
  bakedShapes.set(key, letter);
  return letter;
}

/** Outlines a letter whose origin is `x` right of a pixel's border. */
function shapeOf({ contours }: Glyph, x: number, line: Line): GlyphShape {
  const points = contours.flat();
  const left = Math.floor(x + Math.min(...points.map((point) => point.x)) * line.scaleX);
  const right = Math.ceil(x + Math.max(...points.map((point) => point.x)) * line.scaleX);
  const top = Math.floor(-Math.max(...points.map((point) => point.y)) * line.scaleY);
  const bottom = Math.ceil(-Math.min(...points.map((point) => point.y)) * line.scaleY);
  // a point on the right border rounds to its left or right
  const coverage = createCoverage({ width: right - left + 1, height: bottom - top });
  for (const contour of contours) addContour(coverage, contour, x - left, -top, line);
  return { left, top, coverage };
}

/** Adds a TrueType contour with its origin at (x, baseline), turned so that y points down. */
function addContour(shape: Coverage, contour: readonly OutlinePoint[], x: number, baseline: number, line: Line): void {
  const points = contour.map((p) => ({
    x: x + p.x * line.scaleX,
    y: baseline - p.y * line.scaleY,
    onCurve: p.onCurve,
  }));
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return;
  const start = first.onCurve ? first : last.onCurve ? last : between(last, first);
  let pen = start;
  let control: OutlinePoint | undefined;
  for (const point of [...(first.onCurve ? points.slice(1) : points), start]) {
    if (control) {
      const end = point.onCurve ? point : between(control, point);
      addCurve(shape, pen.x, pen.y, control.x, control.y, end.x, end.y);
      pen = end;
    } else if (point.onCurve) {
      addLine(shape, pen.x, pen.y, point.x, point.y);
      pen = point;
    }
    control = point.onCurve ? undefined : point;
  }
}

function between(a: OutlinePoint, b: OutlinePoint): OutlinePoint {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, onCurve: true };
}
