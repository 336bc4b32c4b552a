import type { Raster } from '../image/raster.ts';
import { alphaOf, type Canvas, canvasFrom } from './canvas.ts';
import { black, type Color } from './colors.ts';
import { addCurve, addLine, type Coverage, createCoverage, paintCoverage } from './coverage.ts';
import {
  fontMetrics,
  type Glyph,
  glyphOf,
  kerningOf,
  type MoreGlyphs,
  missingGlyph,
  type OutlinePoint,
  withinLine,
} from './font.ts';

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

/** Where and how a line of text is drawn. */
export interface TextOptions {
  /** Where the baseline begins, in pixels from the left edge; fractions are kept. */
  readonly x: number;
  /** The baseline, in pixels from the top; rounded, so that letters stand on a pixel border. */
  readonly y: number;
  /** Size of the em square in pixels. */
  readonly size: number;
  /** Black where it is not given. */
  readonly color?: Color;
  /** 0 to 1, 1 where it is not given. */
  readonly opacity?: number;
  /** Where characters come from that the baked font lacks. */
  readonly moreGlyphs?: MoreGlyphs | undefined;
}

interface Placed {
  readonly glyph: Glyph;
  readonly x: number;
}

interface Line extends TextMeasure {
  readonly glyphs: readonly Placed[];
  readonly scaleX: number;
  readonly scaleY: number;
}

/** The size that `text` takes on one line at `size` pixels. Line breaks and tabs count as spaces. */
export function measureText(text: string, size: number, moreGlyphs?: MoreGlyphs): TextMeasure {
  const { width, ascent, descent, missing } = setLine(text, size, moreGlyphs);
  return { width, ascent, descent, missing };
}

/**
 * Draws one line of text on a copy of the raster, anti-aliased, from the baked font (ASCII, Latin-1 and a few signs).
 * A character that the font lacks is drawn as a frame; `measureText(...).missing` names it.
 */
export function drawText(raster: Raster, text: string, options: TextOptions): Raster {
  const canvas = canvasFrom(raster);
  paintText(canvas, text, options);
  return canvas;
}

/** As `drawText`, in place. */
export function paintText(canvas: Canvas, text: string, options: TextOptions): void {
  const { x, y, size, color = black, opacity = 1, moreGlyphs } = options;
  const line = setLine(text, size, moreGlyphs);
  // letters may reach a little beyond their advance width on both sides
  const margin = Math.ceil(size / 2) + 1;
  const left = Math.floor(x) - margin;
  const ascent = Math.ceil(line.ascent) + 1;
  const shape = createCoverage({
    width: Math.ceil(line.width) + 2 * margin + 1,
    height: ascent + Math.ceil(line.descent) + 1,
  });
  for (const { glyph, x: glyphX } of line.glyphs) {
    for (const contour of glyph.contours) addContour(shape, contour, x - left + glyphX, ascent, line);
  }
  paintCoverage(canvas, shape, left, Math.round(y) - ascent, color, alphaOf(opacity));
}

/** `text`, or as much of it as fits into `width` pixels with an ellipsis after it; empty where not even that fits. */
export function fitText(text: string, size: number, width: number, moreGlyphs?: MoreGlyphs): string {
  if (measureText(text, size, moreGlyphs).width <= width) return text;
  const characters = [...text];
  for (let kept = characters.length - 1; kept > 0; kept--) {
    const shortened = `${characters.slice(0, kept).join('').trimEnd()}…`;
    if (measureText(shortened, size, moreGlyphs).width <= width) return shortened;
  }
  return '';
}

function setLine(text: string, size: number, moreGlyphs?: MoreGlyphs): Line {
  const { unitsPerEm, ascender, descender, xHeight } = fontMetrics;
  const scaleX = size / unitsPerEm;
  // instead of hinting: small letters end on a pixel border, which keeps their horizontal strokes sharp
  const scaleY = Math.max(1, Math.round(xHeight * scaleX)) / xHeight;
  const glyphs: Placed[] = [];
  const missing = new Set<string>();
  const anotherGlyph = (character: string) => {
    const glyph = moreGlyphs?.(character);
    return glyph && withinLine(glyph);
  };
  let x = 0;
  let previous = '';
  // NFC: "e" with a combining accent becomes the one character that the font has
  for (const character of text.normalize('NFC').replace(/\s/gu, ' ')) {
    const glyph = glyphOf(character) ?? anotherGlyph(character);
    if (!glyph) missing.add(character);
    const drawn = glyph ?? missingGlyph;
    x += kerningOf(previous, character) * scaleX;
    glyphs.push({ glyph: drawn, x });
    x += drawn.advance * scaleX;
    previous = character;
  }
  const measure = { width: x, ascent: ascender * scaleY, descent: -descender * scaleY, missing: [...missing] };
  return { ...measure, glyphs, scaleX, scaleY };
}

/** Adds a TrueType contour with its origin at (x, baseline), y turned downwards. */
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
