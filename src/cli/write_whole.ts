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

/** @throws Error naming the files that are there already, and what to do */
export function refuseExisting(paths: readonly string[], overwrite: boolean): void {
  const there = overwrite ? [] : paths.filter((path) => existsSync(path));
  if (there.length === 0) return;
  const [first, ...more] = there;
  const others = more.length > 0 ? ` (and ${more.length} more)` : '';
  throw new ExistsError(
    `${first}${others} exists already. Replace with --overwrite, or choose another folder with --out.`,
  );
}

/** A file would be overwritten. */
export class ExistsError extends Error {}
