/**
 * One class per thing the reader of a message can do about it. The text says what was found, where, and what to do next.
 */

/** What every error of this package is, so that callers can tell ours from others. */
export class MoganetError extends Error {
  override readonly name: string = 'MoganetError';
}

/** What a program needs to tell why and where a file was refused. All readers' errors have it; `docs/errors.md` lists the codes. */
export interface RefusalFacts<Code extends string = string> {
  /** Why, of a closed list for each kind of file. */
  readonly code: Code;
  /** What messages call the file: its path, its address, or "bytes". */
  readonly file: string;
  /** Offset, chunk, entry or key, so that it can be found again; empty where it is the whole file. */
  readonly place: string;
  /** What was found there, a sentence without its full stop. */
  readonly reason: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** An error that refuses one file, with its facts as fields (see `isRefusal`). */
export type Refusal<Code extends string = string> = MoganetError & RefusalFacts<Code>;

/** Whether a file was refused, whatever kind of file it was. */
export function isRefusal(error: unknown): error is Refusal {
  return error instanceof MoganetError && ['code', 'file', 'place', 'reason', 'remedy'].every((name) => name in error);
}

/** A checkpoint, safetensors file or one tensor of it cannot be used. */
export class CheckpointError extends MoganetError {
  override readonly name = 'CheckpointError';
}

/** A configuration names something unknown, or contradicts itself. */
export class ConfigError extends MoganetError {
  override readonly name = 'ConfigError';
}

/** An image cannot be read, or is too large to be. */
export class ImageError extends MoganetError {
  override readonly name = 'ImageError';
}

/** Values of a model do not fit together; the text begins with the module's path. */
export class ShapeError extends MoganetError {
  override readonly name = 'ShapeError';
}

/** A thing that exists in the field but not (yet) here; the text says what to use instead. */
export class UnsupportedError extends MoganetError {
  override readonly name = 'UnsupportedError';
}

/** An engine cannot start, or was used after `dispose()`. */
export class EngineError extends MoganetError {
  override readonly name = 'EngineError';
}

/** A file cannot be fetched, or not be kept; the text says what the server or the disk answered and how to get it all the same. */
export class DownloadError extends MoganetError {
  override readonly name = 'DownloadError';
}

/** The closest of `known` to `name` by edit distance, where one is close enough to be meant. */
export function nearestName(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** A name from outside, not longer than a message can bear. */
export const shortened = (name: string): string => (name.length > 80 ? `${name.slice(0, 77)}...` : name);

/** `unknown backbone "mogant". Known: moganet, … Did you mean "moganet"?` */
export function unknownName(what: string, name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return `unknown ${what} "${shortened(name)}". Known: ${known.join(', ')}.${nearest ? ` Did you mean "${nearest}"?` : ''}`;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1));
    }
    previous = row;
  }
  return previous[b.length]!;
}
