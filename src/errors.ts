/** One class of errors per thing that the reader can do about it. A message says what was found, where, and what to do next. */

/** The base class of every error of this package, so that callers can tell them from others. */
export class MoganetError extends Error {
  override readonly name: string = 'MoganetError';
}

/** The facts of a refused file, for programs. Every reader's errors have them. `docs/errors.md` lists the codes. */
export interface RefusalFacts<Code extends string = string> {
  /** The reason as one of a closed list for each kind of file. */
  readonly code: Code;
  /** The name of the file in messages: its path, its URL, or "bytes". */
  readonly file: string;
  /** Offset, chunk, entry or key, so that the fault can be found again. Empty if it concerns the whole file. */
  readonly place: string;
  /** The finding, a sentence without its full stop. */
  readonly reason: string;
  /** The next step for the reader. */
  readonly remedy: string;
}

/** An error that refuses one file, with its facts as fields (see `isRefusal`). */
export type Refusal<Code extends string = string> = MoganetError & RefusalFacts<Code>;

/** Tells if an error refuses a file, of whatever kind. */
export function isRefusal(error: unknown): error is Refusal {
  return error instanceof MoganetError && ['code', 'file', 'place', 'reason', 'remedy'].every((name) => name in error);
}

/** Puts a place before the message of an error: `images[1]: …`. Its class and its facts stay. Returns the error. */
export function placed<E extends MoganetError>(error: E, place: string): E {
  const { message, stack } = error;
  error.message = `${place}: ${message}`;
  error.stack = stack?.replace(message, () => error.message); // it repeats the message, and consoles print it
  return error;
}

/** A checkpoint, or one tensor in it, cannot be used. */
export class CheckpointError extends MoganetError {
  override readonly name = 'CheckpointError';
}

/** A configuration names something unknown, or contradicts itself. */
export class ConfigError extends MoganetError {
  override readonly name = 'ConfigError';
}

/** An image cannot be read, or is too large. */
export class ImageError extends MoganetError {
  override readonly name = 'ImageError';
}

/** A data set, its labels or a file of results cannot be used. */
export class DataError extends MoganetError {
  override readonly name = 'DataError';
}

/** Values of a model do not fit together. The message begins with the module's path. */
export class ShapeError extends MoganetError {
  override readonly name = 'ShapeError';
}

/** Something that exists, but not in this package, or not on this machine yet. The message says what to use or to do instead. */
export class UnsupportedError extends MoganetError {
  override readonly name = 'UnsupportedError';
}

/** An engine cannot start, or was used after `dispose()`. */
export class EngineError extends MoganetError {
  override readonly name = 'EngineError';
}

/** A file cannot be downloaded or stored. The message says what the server or the disk answered, and how else to get the file. */
export class DownloadError extends MoganetError {
  override readonly name = 'DownloadError';
}

/** A frame was dropped for a newer one (`predict` of `moganet/worker` with `latest`). Nothing is wrong: wait for the newer one. */
export class DroppedError extends MoganetError {
  override readonly name = 'DroppedError';
}

/** Returns the closest of `known` to `name` by edit distance. Undefined if none is close enough to be meant. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(shortened(name).length / 3)) + 1;
  for (const candidate of known) {
    const distance = distanceOf(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Returns a name from outside, cut to 80 characters. */
export const shortened = (name: string): string => (name.length > 80 ? `${name.slice(0, 77)}...` : name);

/** Returns the first few of a list in a sentence: `a, b, c and 4 more`. Empty for an empty list. */
export function listed(names: readonly (string | number)[], most: number): string {
  const few = names.slice(0, most).join(', ');
  return names.length > most ? `${few} and ${names.length - most} more` : few;
}

/** The most names that a message lists whole. Of a longer list it names the nearest few. */
const mostListed = 24;
const fewListed = 8;

/** Returns a message: `unknown backbone "mogant". Did you mean "moganet"? Known: moganet, …` */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  const meant = nearest ? ` Did you mean "${nearest}"?` : '';
  const list = known.length > 0 ? `Known: ${nearestListed(name, known)}.` : 'There are none.';
  return `unknown ${what} "${shortened(name)}".${meant} ${list}`;
}

function nearestListed(name: string, known: readonly string[]): string {
  if (known.length <= mostListed) return known.join(', ');
  const byDistance = known.map((candidate) => ({ candidate, distance: distanceOf(name, candidate) }));
  byDistance.sort((a, b) => a.distance - b.distance);
  return listed(
    byDistance.map(({ candidate }) => candidate),
    fewListed,
  );
}

/** Compares names without regard to case. */
const distanceOf = (a: string, b: string): number => editDistance(shortened(a).toLowerCase(), b.toLowerCase());

/** Counts the insertions, deletions and substitutions that turn `a` into `b` (Levenshtein). */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j); // distances of the beginnings of `b` from none of `a`
  for (let i = 0; i < a.length; i++) {
    let left = i + 1;
    let diagonal = i;
    const next = [left];
    for (const [j, above] of row.slice(1).entries()) {
      left = Math.min(diagonal + (a[i] === b[j] ? 0 : 1), above + 1, left + 1);
      diagonal = above;
      next.push(left);
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
