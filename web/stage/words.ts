/** Numbers as people read them, the same on the picture, in the panel and for screen readers. No line breaks before a unit. */

const space = '\u00a0';

/** Formats a part of 0 to 1 in per cent. */
export function percent(part: number): string {
  if (part <= 0) return `0${space}%`;
  if (part < 0.001) return `<${space}0.1${space}%`;
  const value = 100 * part;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)}${space}%`;
}

/** Formats a score by its first two digits, so that 0.999 is not "1.00"; 0.9 as a float32 is 0.89999998. */
export const scoreText = (score: number): string => (Math.floor(100 * score + 1e-4) / 100).toFixed(2);

const grouped = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export const pixels = (count: number): string => `${grouped.format(count)}${space}px`;

export function milliseconds(ms: number): string {
  if (ms >= 1000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)}${space}s`;
  return ms < 10 ? `${ms.toFixed(1)}${space}ms` : `${grouped.format(ms)}${space}ms`;
}

export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${grouped.format(count)} ${count === 1 ? one : many}`;

/** Returns a file's name without its ending; "image" if nothing is left. */
export const stemOf = (name: string): string => name.replace(/^.*[/\\]/, '').replace(/\.[^.]*$/, '') || 'image';

/** Returns the image's id of COCO: the stem, as a number if it is one. */
export function imageIdOf(name: string): number | string {
  const stem = stemOf(name);
  return /^\d{1,15}$/.test(stem) ? Number(stem) : stem;
}

/** Replaces what file systems refuse in a name. */
export const fileWord = (name: string): string =>
  name.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-|-$/g, '') || 'instance';
