/** The part of `node:path` that the golden runners use. */

export const join = (...parts: string[]): string => parts.join('/');

export const dirname = (path: string): string => path.slice(0, path.lastIndexOf('/'));

export const delimiter = ':';
