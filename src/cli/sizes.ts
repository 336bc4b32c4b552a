import { InvalidArgumentError } from 'commander';
import { nearestName } from '../errors.ts';
import type { Size } from '../node.ts';
import { inputSize, scaleLimits } from './arguments.ts';
import { UsageError } from './failure.ts';

/** Names of `--size`. */

/**
 * Shares of the edges that the configuration fits an image between. They are no pixels, since what a model loses depends on the size that
 * it was trained at. docs/modes.md has the measured loss of each, and why there is no smaller one.
 */
export const namedSizes = { medium: 0.75, small: 0.6 } as const;

export type SizeName = keyof typeof namedSizes;

/** What `--size` says: edges in pixels, or a name. */
export type InputSize = Size | SizeName;

const isName = (text: string): text is SizeName => Object.hasOwn(namedSizes, text);

/** `small (0.6)`, … */
const explained = Object.entries(namedSizes).map(([name, factor]) => `${name} (${factor})`);

/** The names with their meaning, for the help. */
export const namedSizesHelp = `a share of the configuration's: ${explained.join(', ')}`;

/** Reads `HxW`, one number for a square, or a name. */
export function inputSizeOrName(text: string): InputSize {
  const name = text.toLowerCase();
  if (isName(name)) return name;
  if (!/^\p{L}/u.test(text)) return inputSize(text);
  const nearest = nearestName(text, Object.keys(namedSizes));
  const meant = nearest === undefined ? '' : `Did you mean "${nearest}"? `;
  throw new InvalidArgumentError(
    `${meant}Expected height×width in pixels, such as 800x1280, one number for a square, or a share of the configuration's edges: ${explained.join(', ')}.`,
  );
}

/**
 * Returns the scales of the library at a size with a name.
 *
 * @param scales those of `--scales`, of which 1 is the size with the name
 * @throws UsageError if the library would refuse one
 */
export function scalesAt(name: SizeName, scales: readonly number[] = [1]): readonly number[] {
  const factor = namedSizes[name];
  const { least } = scaleLimits;
  const small = scales.find((scale) => scale * factor < least);
  if (small === undefined) return scales.map((scale) => Number((scale * factor).toPrecision(12))); // 0.75 of 0.6 is 0.45
  throw new UsageError(
    `--size ${name} is ${factor} of the configuration's edges, so --scales takes numbers from ${Math.ceil((100 * least) / factor) / 100} with it, got ${small}.`,
  );
}
