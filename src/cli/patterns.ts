import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, parse, posix, resolve, sep, win32 } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';

/** Names and patterns of files, for shells that leave patterns to the program. What exists literally is meant literally. */

/** A pattern taken apart. */
export interface PatternParts {
  /** `/`, `C:/` or nothing. */
  readonly root: string;
  readonly parts: readonly string[];
}

/** Takes a pattern apart at its separators; on Windows a back slash is one, elsewhere it escapes. */
export function partsOf(pattern: string, windows = sep === '\\'): PatternParts {
  const text = windows ? pattern.replaceAll('\\', '/') : pattern;
  const { root } = windows ? win32.parse(text) : posix.parse(text);
  const parts: string[] = [];
  let open = 0; // a slash between braces or parentheses belongs to the pattern of one part
  for (const part of text.slice(root.length).split('/')) {
    if (open > 0) parts[parts.length - 1] += `/${part}`;
    else parts.push(part);
    open = Math.max(
      0,
      open + [...part].reduce((sum, c) => sum + ('{('.includes(c) ? 1 : '})'.includes(c) ? -1 : 0), 0),
    );
  }
  // an opening that nothing closes is a letter
  const whole = open > 0 ? text.slice(root.length).split('/') : parts;
  return { root, parts: whole.filter((part) => part !== '' && part !== '.') };
}

/** Tells whether a word may be a pattern. */
export const isPattern = (word: string, windows?: boolean): boolean =>
  partsOf(word, windows).parts.some((part) => isDynamicPattern(part));

/** What a pattern gives. */
export interface Matches {
  /** The folder before its first wildcard, absolute. */
  readonly root: string;
  /** Absolute paths of files. */
  readonly files: readonly string[];
}

/**
 * Finds the files that a pattern matches. Part by part of its path, a name that exists is that name, whatever characters it has;
 * parentheses are letters unless only a group matches. Small and capital letters are the same.
 */
export async function filesMatching(pattern: string, windows?: boolean): Promise<Matches> {
  const { root, parts } = partsOf(pattern, windows);
  let folder = resolve(root);
  let known = 0;
  for (const part of parts.slice(0, -1)) {
    const next = entryOf(folder, part) ?? (isDynamicPattern(part) ? undefined : join(folder, part));
    if (next === undefined) break;
    folder = next;
    known++;
  }
  return { root: folder, files: await matching(folder, parts.slice(known)) };
}

async function matching(folder: string, [part, ...rest]: readonly string[]): Promise<string[]> {
  if (part === undefined) return [];
  const last = rest.length === 0;
  if (part === '**') {
    if (last) return found(folder, '**/*', false);
    const folders = [folder, ...(await found(folder, '**/*', true))];
    return (await Promise.all(folders.map((one) => matching(one, rest)))).flat();
  }
  const literal = entryOf(folder, part);
  if (literal === undefined) {
    const entries = isDynamicPattern(part) ? await withParentheses(folder, part, !last) : [];
    return last ? entries : (await Promise.all(entries.map((one) => matching(one, rest)))).flat();
  }
  if (!last) return matching(literal, rest);
  return statSync(literal).isFile() ? [literal] : [];
}

/** Parentheses are first letters, as in `photo (1)*.jpg`; then groups, as in `*.@(jpg|png)`. */
async function withParentheses(folder: string, part: string, folders: boolean): Promise<string[]> {
  const letters = await found(folder, part.replace(/(?<!\\)[()]/g, '\\$&'), folders);
  return letters.length > 0 || !/[(]/.test(part) ? letters : found(folder, part, folders);
}

const found = (folder: string, pattern: string, onlyDirectories: boolean): Promise<string[]> =>
  existsSync(folder)
    ? glob(pattern, {
        cwd: folder,
        absolute: true,
        expandDirectories: false,
        caseSensitiveMatch: false,
        onlyDirectories,
      })
    : Promise.resolve([]);

/**
 * Finds what a path names. An accent may be one character in the path and two in the file system, or the other way round.
 *
 * @returns its path as the file system writes it; undefined if there is no such file or folder
 */
export function existingPath(word: string): string | undefined {
  const path = resolve(word);
  if (existsSync(path)) return path;
  const { root } = parse(path);
  let found: string | undefined = root;
  for (const part of path.slice(root.length).split(sep)) {
    found = entryOf(found, part);
    if (found === undefined) return undefined;
  }
  return found;
}

function entryOf(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const wanted = name.normalize('NFC');
  if (wanted === name.normalize('NFD')) return undefined; // there is one way to write it
  const same = namesIn(folder).find((one) => one.normalize('NFC') === wanted);
  return same === undefined ? undefined : join(folder, same);
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // no folder, or not ours to read: nothing is found in it
  }
}
