/** Paths below the folder of a data set: always with `/`, without `.`; `..` is kept at the front, where it leaves the folder. */

/** Returns `a\b`, `./a//b` and `a/x/../b` as `a/b`. */
export function normalPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.replaceAll('\\', '/').split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop();
    else parts.push(part);
  }
  return parts.join('/');
}

/** Joins parts of a path; empty ones are passed over. */
export const joined = (...parts: readonly string[]): string => normalPath(parts.filter(Boolean).join('/'));

/** Returns the folder of a file, `''` at the top. */
export const parentOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** Returns the last part of a path. */
export const fileNameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Returns a path without the ending of its file: `a/b.rf.12.jpg` → `a/b.rf.12`. */
export function stemOf(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') + 1 ? path.slice(0, dot) : path;
}

/** Returns the ending in small letters, with its dot; `''` if there is none. */
export const endingOf = (path: string): string => path.slice(stemOf(path).length).toLowerCase();

/** Tells whether a path leaves the folder that it is relative to. */
export const leaves = (path: string): boolean => path === '..' || path.startsWith('../');

/** Tells whether a path of another machine begins at its root: `/content/x`, `C:\x`. */
export const isAbsolute = (path: string): boolean => /^(?:[/\\]|[a-z]:[/\\])/i.test(path);

const imageEndings = /\.(?:jpe?g|jpe|jfif|png|apng|bmp|dib|webp|gif|tiff?|avif|heic|heif|jp2|jxl|pgm|ppm|pnm)$/i;

/** Tells by its ending whether a file is meant as an image. */
export const isImageName = (name: string): boolean => imageEndings.test(name);

const byproducts = new Set(['__macosx', 'thumbs.db', 'ehthumbs.db', 'desktop.ini', '@eadir', '$recycle.bin']);

/** Tells whether an operating system or an editor made a file, and not the author of the data set. */
export const isHidden = (name: string): boolean => name.startsWith('.') || byproducts.has(name.toLowerCase());

/** Compares texts by code point, as Python sorts them. */
export function byCodePoint(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [left, right] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (left === right) continue;
    // a surrogate stands for a code point above all of one unit
    const isPair = (unit: number) => unit >= 0xd800 && unit <= 0xdfff;
    if (isPair(left) !== isPair(right)) return isPair(left) ? 1 : -1;
    return left - right;
  }
  return a.length - b.length;
}

/** Returns a name in the one spelling of its accents, with its ending in small letters: what two spellings of it have in common. */
export function spellingOf(name: string): string {
  const composed = name.normalize('NFC');
  return stemOf(composed) + endingOf(composed);
}
