import type { Font, Glyph as FontGlyph, PathCommand } from 'opentype.js';
import type { RenderOptions } from '../node.ts';
import { type Joining, letterOf } from '../render/shape.ts';
import { readGiven } from './arguments.ts';
import { UsageError } from './failure.ts';

type MoreGlyphs = NonNullable<RenderOptions['moreGlyphs']>;
type Glyph = NonNullable<ReturnType<MoreGlyphs>>;
type Point = Glyph['contours'][number][number];

/** Units of the em square in which the library draws. */
const unitsPerEm = 2048;

/** Text that a font cannot draw as it is written. */
export interface FontLimits {
  /** Arabic letters without joined forms: they stand apart. */
  readonly apart: Set<string>;
  /** Scripts whose letters are joined or reordered by rules that are not followed. */
  readonly scripts: Set<string>;
}

export const noLimits = (): FontLimits => ({ apart: new Set(), scripts: new Set() });

/** Scripts of this kind; Arabic is shaped by the library. */
const unshapedScripts = [
  ...['Devanagari', 'Bengali', 'Gurmukhi', 'Gujarati', 'Oriya', 'Tamil', 'Telugu', 'Kannada', 'Malayalam', 'Sinhala'],
  ...['Tibetan', 'Myanmar', 'Khmer', 'Balinese', 'Javanese', 'Mongolian', 'Syriac', 'Nko', 'Mandaic', 'Phags_Pa'],
].map((name) => [name, new RegExp(`\\p{Script=${name}}`, 'u')] as const);

/**
 * Reads the characters of a TrueType or OpenType font, for class names that the built-in font does not cover. The library
 * asks for Arabic letters in their joined forms; a font has them as characters or as substitutions of its letters.
 *
 * @param limits is filled with what the font cannot draw as it is written, while text is drawn
 * @throws UsageError if opentype.js is not installed or the file is not such a font
 */
export async function loadFont(path: string, limits = noLimits()): Promise<MoreGlyphs> {
  return glyphsOf(await parsedFont(path), limits);
}

/** The glyphs of a font in the library's units. */
export function glyphsOf(font: Font, limits: FontLimits): MoreGlyphs {
  const known = new Map<string, Glyph | undefined>();
  return (character) => {
    if (known.has(character)) return known.get(character);
    const glyph = glyphOf(font, character) ?? joinedGlyphOf(font, character, limits);
    const script = glyph && unshapedScripts.find(([, letters]) => letters.test(character))?.[0];
    if (script !== undefined) limits.scripts.add(script);
    known.set(character, glyph);
    return glyph;
  };
}

/** The lines that say so; none if there is nothing to say. */
export function limitsText({ apart, scripts }: FontLimits): string[] {
  const lines: string[] = [];
  if (apart.size > 0) {
    lines.push(`Drawn apart, since the font has no joined forms of them: ${[...apart].join(' ')}`);
  }
  if (scripts.size > 0) {
    lines.push(`Letters of ${[...scripts].join(', ')} stand side by side: they are neither joined nor put in order.`);
  }
  return lines;
}

const features: Readonly<Record<Joining, string | undefined>> = {
  alone: undefined,
  first: 'init',
  middle: 'medi',
  last: 'fina',
};

/** The glyph of a joined form that the font has as a substitution only. */
function joinedGlyphOf(font: Font, form: string, { apart }: FontLimits): Glyph | undefined {
  const [letter, joining] = letterOf(form) ?? [];
  if (letter === undefined || joining === undefined || [...letter].length > 1) return undefined;
  const { index } = font.charToGlyph(letter);
  if (index === 0) return undefined;
  const feature = features[joining];
  if (feature === undefined) return glyphOf(font, letter);
  const substitutions = font.substitution.getSingle(feature, 'arab') ?? [];
  const by = substitutions.find(({ sub }) => sub === index)?.by;
  if (by !== undefined) return outlineOf(font, font.glyphs.get(by));
  apart.add(letter);
  return undefined;
}

/** @throws UsageError as `loadFont` */
export async function parsedFont(path: string): Promise<Font> {
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
  const glyph = font.charToGlyph(character);
  return glyph.index === 0 ? undefined : outlineOf(font, glyph);
}

function outlineOf(font: Font, { advanceWidth, path }: FontGlyph): Glyph {
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
