import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Files that are being written under a temporary name. */
const unfinished = new Set<string>();

/** Removes what was begun and not finished. */
export function removeUnfinished(): void {
  for (const file of unfinished) rmSync(file, { force: true });
  unfinished.clear();
}

/** Writes a file that appears whole or not at all; makes its folders. */
export async function writeWhole(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  mkdirSync(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.part`;
  unfinished.add(temporary);
  try {
    const file = await open(temporary, 'w');
    try {
      for await (const chunk of chunks) await file.writeFile(chunk);
    } finally {
      await file.close();
    }
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  } finally {
    unfinished.delete(temporary);
  }
}

/**
 * @param otherwise what to do but to overwrite
 * @throws ExistsError naming the first file that is there already
 */
export function refuseExisting(paths: readonly string[], otherwise: string): void {
  const [first, ...more] = paths.filter((path) => existsSync(path));
  if (first === undefined) return;
  const exist = more.length > 0 ? `and ${more.length} more exist` : 'exists';
  throw new ExistsError(`${first} ${exist} already. Replace with --overwrite, or ${otherwise}.`);
}

/** A file would be overwritten. */
export class ExistsError extends Error {}
