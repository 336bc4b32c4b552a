import { readFileSync } from 'node:fs';
import type { Font, PathCommand } from 'opentype.js';
import { UsageError } from './failure.ts';

type MoreGlyphs = NonNullable<import('../node.ts').RenderOptions['moreGlyphs']>;
type Glyph = NonNullable<ReturnType<MoreGlyphs>>;
type Point = Glyph['contours'][number][number];

/** Units of the em square in which the library draws. */
const unitsPerEm = 2048;

/**
 * The characters of a TrueType or OpenType font, for class names that the library's own letters do not cover. Characters
 * stand side by side as they are: scripts that join or reorder their letters (Arabic, Devanagari) are not shaped.
 *
 * @throws UsageError where opentype.js is not installed or the file is no such font
 */
export async function loadFont(path: string): Promise<MoreGlyphs> {
  const font = parsed(await reader(), path);
  const known = new Map<string, Glyph | undefined>();
  return (character) => {
    if (!known.has(character)) known.set(character, glyphOf(font, character));
    return known.get(character);
  };
}

type Reader = typeof import('opentype.js')['default'];

async function reader(): Promise<Reader> {
  try {
    return (await import('opentype.js')).default;
  } catch {
    throw new UsageError('--font needs the package opentype.js, which is not installed here: npm install opentype.js');
  }
}

function parsed(opentype: Reader, path: string): Font {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new UsageError(`${path}: ${missing ? 'there is no such file' : (cause as Error).message}.`);
  }
  try {
    return opentype.parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer);
  } catch (cause) {
    const reason = (cause as Error).message.trim();
    throw new UsageError(
      `${path}: no TrueType or OpenType font that can be read (${reason}). Give a .ttf or .otf file.`,
    );
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
  for (const command of commands) {
    const contour = contours.at(-1);
    if (command.type === 'M') contours.push([on(command.x, command.y)]);
    else if (command.type === 'L') contour?.push(on(command.x, command.y));
    else if (command.type === 'Q') contour?.push(off(command.x1, command.y1), on(command.x, command.y));
    else if (command.type === 'C') contour?.push(...quadratics(contour.at(-1)!, command));
  }
  return contours;
}

/** OpenType's cubic curves in four pieces, each by the quadratic that meets it at the ends and in the middle. */
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
