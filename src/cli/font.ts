import type { Font, PathCommand } from 'opentype.js';
import type { RenderOptions } from '../node.ts';
import { readGiven } from './arguments.ts';
import { UsageError } from './failure.ts';

type MoreGlyphs = NonNullable<RenderOptions['moreGlyphs']>;
type Glyph = NonNullable<ReturnType<MoreGlyphs>>;
type Point = Glyph['contours'][number][number];

/** Units of the em square in which the library draws. */
const unitsPerEm = 2048;

/**
 * Reads the characters of a TrueType or OpenType font, for class names that the built-in font does not cover. Characters
 * stand side by side as they are: scripts that join or reorder their letters (Arabic, Devanagari) are not shaped.
 *
 * @throws UsageError if opentype.js is not installed or the file is not such a font
 */
export async function loadFont(path: string): Promise<MoreGlyphs> {
  const font = await parsed(path);
  const known = new Map<string, Glyph | undefined>();
  return (character) => {
    if (!known.has(character)) known.set(character, glyphOf(font, character));
    return known.get(character);
  };
}

async function parsed(path: string): Promise<Font> {
  const { default: opentype } = await import('opentype.js').catch(() => {
    throw new UsageError('--font needs the package opentype.js, which is not installed: npm install opentype.js');
  });
  const bytes = readGiven(path);
  try {
    return opentype.parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
  } catch (cause) {
    const reason = (cause as Error).message.trim();
    throw new UsageError(`${path}: not a readable TrueType or OpenType font (${reason}). Give a .ttf or .otf file.`);
  }
}

function glyphOf(font: Font, character: string): Glyph | undefined {
  const { index, advanceWidth, path } = font.charToGlyph(character);
  if (index === 0) return undefined;
  const scale = unitsPerEm / font.unitsPerEm;
  const contours = contoursOf(path.commands).map((contour) =>
    contour.map(({ x, y, onCurve }) => ({ x: x * scale, y: y * scale, onCurve })),
  );
  return { advance: advanceWidth * scale, contours };
}

const on = (x: number, y: number): Point => ({ x, y, onCurve: true });
const off = (x: number, y: number): Point => ({ x, y, onCurve: false });

function contoursOf(commands: readonly PathCommand[]): Point[][] {
  const contours: Point[][] = [];
  let contour: Point[] = [];
  let from = on(0, 0);
  for (const command of commands) {
    if (command.type === 'Z') continue;
    const end = on(command.x, command.y);
    if (command.type === 'M') {
      contour = [end];
      contours.push(contour);
    } else if (command.type === 'C') contour.push(...quadratics(from, command));
    else if (command.type === 'Q') contour.push(off(command.x1, command.y1), end);
    else contour.push(end);
    from = end;
  }
  return contours;
}

/** Into how many quadratics a cubic curve of OpenType is cut; each meets it at its ends and in its middle. */
const pieces = 4;

function quadratics(from: Point, { x1, y1, x2, y2, x, y }: Extract<PathCommand, { type: 'C' }>): Point[] {
  const at = (a: number, b: number, c: number, d: number, t: number) =>
    (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t * t * c + t ** 3 * d;
  const xAt = (t: number) => at(from.x, x1, x2, x, t);
  const yAt = (t: number) => at(from.y, y1, y2, y, t);
  return Array.from({ length: pieces }, (_, i) => {
    const [start, middle, end] = [i / pieces, (i + 0.5) / pieces, (i + 1) / pieces];
    const control = (of: (t: number) => number) => 2 * of(middle) - (of(start) + of(end)) / 2;
    return [off(control(xAt), control(yAt)), on(xAt(end), yAt(end))];
  }).flat();
}
