/** The few members of opentype.js 2 that `bake_font.ts` uses; the package ships no types. */
declare module 'opentype.js' {
  export interface ContourPoint {
    readonly x: number;
    readonly y: number;
    readonly onCurve: boolean;
  }
  export interface Glyph {
    readonly index: number;
    readonly advanceWidth: number;
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
  }
  const opentype: { parse(bytes: ArrayBuffer): Font };
  // CommonJS in Node: everything hangs on the default export
  export default opentype;
}
