/** What the golden runners use of `node:path`. */

export const join = (...parts: string[]): string => parts.join('/');

export const dirname = (path: string): string => path.slice(0, path.lastIndexOf('/'));

export const delimiter = ':';
