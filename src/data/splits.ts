import { DataError, unknownName } from '../errors.ts';
import type { Notices } from './notices.ts';
import { byCodePoint } from './paths.ts';

/** Chooses a part of a data set by the name that its files give it. */

type Role = 'train' | 'val' | 'test';

const roles: readonly (readonly [Role, RegExp])[] = [
  ['train', /^(?:train|training|trn)[-_]?\d*$/i],
  ['val', /^(?:val|valid|validation|dev|eval)[-_]?\d*$/i],
  ['test', /^(?:test|testing|tst)[-_]?\d*$/i],
];

/** Returns what a part is for, if its name says so: `valid`, `val2017` and `my_val` are for validation. */
export function roleOf(name: string): Role | undefined {
  const roleIn = (text: string) => roles.find(([, form]) => form.test(text))?.[0];
  const words = name.split(/[._\-/ ]+/).map(roleIn);
  const found = new Set(words.filter((role) => role !== undefined));
  return roleIn(name) ?? (found.size === 1 ? [...found][0] : undefined);
}

/** What is read of several parts if nobody says: a measure is taken on what was not trained on, and test parts often lack labels. */
const preferred: readonly Role[] = ['val', 'test', 'train'];

/**
 * Returns the wanted part: the one of this name, or the only one that is for the same (`val` finds `valid` and `val2017`).
 * By default the only part, else that for validation, test or training, which a notice says.
 *
 * @throws DataError with what is there
 */
export function chosenSplit(
  names: readonly string[],
  wanted: string | undefined,
  { name, notices }: { readonly name: string; readonly notices: Notices },
): string {
  notices.splits = names;
  if (wanted !== undefined) {
    const same = names.find((one) => one === wanted) ?? names.find((one) => one.toLowerCase() === wanted.toLowerCase());
    if (same !== undefined) return same;
    const role = roleOf(wanted);
    const alike = role === undefined ? [] : names.filter((one) => roleOf(one) === role);
    if (alike.length === 1 && roles.some(([, form]) => form.test(wanted))) return alike[0]!;
    throw new DataError(`${name}: ${unknownName('split', wanted, names)}`);
  }
  const [first, ...others] = names;
  if (first === undefined)
    throw new DataError(
      `${name}: no part of a data set found. Its files do not lie as this layout asks; docs/data.md shows how.`,
    );
  if (others.length === 0) return first;
  const chosen = preferred.map((role) => names.find((one) => roleOf(one) === role)).find((one) => one !== undefined);
  const split = chosen ?? first;
  notices.add('split', `The split "${split}" is read, of ${names.toSorted(byCodePoint).join(', ')}.`);
  return split;
}
