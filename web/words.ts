/** Errors and times in words, for the page and its workers. */

/** Returns what went wrong in words. */
export const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : `${error}`);

/** Returns a duration as the page writes it: `84 ms`, `3.5 s`. */
export const duration = (milliseconds: number): string =>
  milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;

/** Returns a message that names its file, once. */
export const about = (name: string, text: string): string => (text.startsWith(name) ? text : `${name}: ${text}`);
