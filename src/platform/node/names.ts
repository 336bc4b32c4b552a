import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * Returns a path as the disk spells it: a letter with an accent may be one character or two (macOS writes two), which look
 * the same and are typed the same. A path that exists, or that has no such letters, is returned as it is.
 */
export function spelledPath(path: string): string {
  if (!/[^\p{ASCII}]/u.test(path) || existsSync(path)) return path;
  const parent = dirname(path);
  if (parent === path) return path;
  const folder = spelledPath(parent);
  const name = basename(path);
  const same = namesIn(folder).find((entry) => entry.normalize() === name.normalize());
  return same === undefined ? path : join(folder, same);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
