/** The members of opentype.js 2 that font.ts and scripts/bake_font.ts use; the package ships no types. */
declare module 'opentype.js' {
  export interface ContourPoint {
    readonly x: number;
    readonly y: number;
    readonly onCurve: boolean;
  }
  /** In font units, y upwards. Z closes a contour. */
  export type PathCommand =
    | { readonly type: 'M' | 'L'; readonly x: number; readonly y: number }
    | { readonly type: 'Q'; readonly x1: number; readonly y1: number; readonly x: number; readonly y: number }
    | {
        readonly type: 'C';
        readonly x1: number;
        readonly y1: number;
        readonly x2: number;
        readonly y2: number;
        readonly x: number;
        readonly y: number;
      }
    | { readonly type: 'Z' };
  export interface Glyph {
    /** 0 is the glyph for characters that the font lacks. */
    readonly index: number;
    readonly advanceWidth: number;
    readonly path: { readonly commands: readonly PathCommand[] };
    getPath(): unknown;
    getContours(): ContourPoint[][];
  }
  export interface Font {
    readonly unitsPerEm: number;
    readonly ascender: number;
    readonly descender: number;
    /** By `left,right` glyph index, from the `kern` table. */
    readonly kerningPairs: Readonly<Record<string, number>>;
    charToGlyph(character: string): Glyph;
    readonly glyphs: { get(index: number): Glyph };
    readonly substitution: {
      /** Glyphs that a feature of a script replaces by others; undefined if the font lacks it. */
      getSingle(feature: string, script: string): readonly { readonly sub: number; readonly by: number }[] | undefined;
    };
  }
  const opentype: { parse(bytes: ArrayBuffer): Font };
  // in Node the package is CommonJS: its exports are properties of the default export
  export default opentype;
}
