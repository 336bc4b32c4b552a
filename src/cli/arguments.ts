import { existsSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import type { Size } from '../node.ts';
import { UsageError } from './failure.ts';

/** Values of options. Commander adds the option's name to what a parser says it expected. */

export function unitInterval(text: string): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number from 0 to 1.');
}

export function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number of 1 or more.');
}

/** The longest edge of a size that is counted. */
const longestCounted = 99_999;

/** `HxW`, or one number for a square. */
export const heightByWidth = (text: string): Size => sizeWithin(text, longestCounted);

/** The longest edge between which the library fits an image; `test/cli/arguments.test.ts` compares it. */
export const longestEdge = 16_384;

/** The largest input of a network that fits into memory. */
const mostPixels = 2 ** 26;

/** `HxW` of an input that a network can run. */
export function inputSize(text: string): Size {
  const size = sizeWithin(text, longestEdge);
  if (size.height * size.width <= mostPixels) return size;
  throw new InvalidArgumentError(`Expected at most ${mostPixels} pixels, such as 800x1280.`);
}

/** `HxW`, or one number for a square, with edges of at most `longest` pixels. */
export function sizeWithin(text: string, longest: number): Size {
  const match = /^([1-9]\d*)(?:[x×,]([1-9]\d*))?$/i.exec(text);
  if (!match) {
    throw new InvalidArgumentError('Expected height×width in pixels, such as 800x1280, or one number for a square.');
  }
  const [, height, width = height] = match;
  const size = { height: Number(height), width: Number(width) };
  if (Math.max(size.height, size.width) <= longest) return size;
  throw new InvalidArgumentError(`Expected edges of at most ${longest} pixels.`);
}

/** The limits of the library's `scales`; `test/cli/arguments.test.ts` compares them. */
export const scaleLimits = { least: 0.1, most: 10, count: 8 };

/** Factors of an image's size, separated by commas. */
export function scaleList(text: string): readonly number[] {
  const { least, most, count } = scaleLimits;
  const factors = text.split(',').map((word) => (word.trim() === '' ? Number.NaN : Number(word)));
  if (factors.length <= count && factors.every((factor) => factor >= least && factor <= most)) return factors;
  throw new InvalidArgumentError(
    `Expected 1 to ${count} numbers from ${least} to ${most} with commas between them, such as 0.75,1,1.25.`,
  );
}

/** One number for all keypoints, or one for each. */
export function sigmaList(text: string): number | readonly number[] {
  const sigmas = text.split(',').map((word) => (word.trim() === '' ? Number.NaN : Number(word)));
  const [first = Number.NaN, ...others] = sigmas;
  if (!sigmas.every((sigma) => sigma > 0 && sigma < Number.POSITIVE_INFINITY)) {
    throw new InvalidArgumentError('Expected a number above 0, or one for each keypoint with commas between them.');
  }
  return others.length === 0 ? first : sigmas;
}

/** Adds the options that say what of a checkpoint counts. */
export const addWeightsOptions = (command: Command): Command =>
  command
    .option('--ema', 'take the averaged weights of a checkpoint (default: what its trainer saves for use)')
    .option('--no-ema', 'take the weights that are not averaged')
    .option('--prefix <prefix>', 'take only the keys of the checkpoint that begin with it, and remove it')
    .option('--ignore <key>', 'leave a key out; `name.` stands for all that begin with it. May be repeated', collected);

/** An option that may be repeated. */
export function collected(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** `HxW`. May be repeated, once per input. */
export function sizes(text: string, before: readonly Size[] = []): readonly Size[] {
  return [...before, heightByWidth(text)];
}

/** @throws UsageError if a path names no file. URLs pass: the library knows which schemes it reads */
export function checkFile(path: string): void {
  if (path === '') throw new UsageError('empty path of a file. Is a shell variable unset?');
  if (!/^[a-z][a-z0-9+.-]+:\/\//i.test(path) && !existsSync(path))
    throw new UsageError(`${path}: there is no such file.`);
}

/** @throws UsageError if the file is missing or cannot be read */
export function readGiven(path: string): Buffer<ArrayBuffer> {
  checkFile(path);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UsageError(`${path}: this is a folder, where a file is expected.`);
  }
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new UsageError(`${path}: it cannot be read: ${(cause as Error).message}.`, { cause });
  }
}

/**
 * Says what `--threads` comes to if that is not what was asked for.
 *
 * @param engine the engine that runs
 * @param most as many threads as this process may use; the library takes no more
 */
export function threadsNotice(
  asked: number | undefined,
  engine: string,
  most = availableParallelism(),
): string | undefined {
  if (asked === undefined || asked === 1) return undefined;
  if (engine !== 'onnxruntime' && engine !== 'ort-wasm')
    return `--threads ${asked} has no effect: engine ${engine} has one thread in Node.`;
  return asked > most ? `--threads ${asked}: this process may use ${most}, so it takes ${most}.` : undefined;
}
