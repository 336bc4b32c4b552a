import { accessSync, constants, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** Files that are being written under a temporary name. */
const unfinished = new Set<string>();

/** Removes what was begun and not finished. */
export function removeUnfinished(): void {
  for (const file of unfinished) rmSync(file, { force: true });
  unfinished.clear();
}

/** A file that cannot or must not be written. */
export class OutputError extends Error {}

/**
 * Writes a file that appears whole or not at all; makes its folders.
 *
 * @throws OutputError naming the file and why it cannot be written; what `chunks` throws
 */
export async function writeWhole(
  path: string,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const temporary = `${path}.${process.pid}.part`;
  await written(path, async () => makeFolder(dirname(path)));
  const file = await written(path, () => open(temporary, 'w'));
  unfinished.add(temporary);
  try {
    for await (const chunk of chunks) await written(path, () => file.writeFile(chunk));
    await file.close();
    await written(path, async () => renameSync(temporary, path));
  } finally {
    await file.close(); // a second time does nothing
    rmSync(temporary, { force: true });
    unfinished.delete(temporary);
  }
}

/**
 * Looks whether files may be written below a folder, so that nobody waits for a result that has no place.
 *
 * @throws OutputError naming the folder and what stands in the way
 */
export function checkFolder(folder: string): void {
  let nearest = resolve(folder);
  while (!existsSync(nearest) && dirname(nearest) !== nearest) nearest = dirname(nearest);
  if (!statSync(nearest).isDirectory()) {
    throw new OutputError(`${folder} cannot be written: ${nearest} is a file. Choose a folder with --out.`);
  }
  try {
    accessSync(nearest, constants.W_OK);
  } catch (cause) {
    throw new OutputError(`${folder} cannot be written: ${(cause as Error).message}. Choose a folder with --out.`, {
      cause,
    });
  }
}

/** As `mkdir -p`. Node's own never ends where a file system says of a new folder that it is not there (/proc). */
function makeFolder(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = dirname(path);
  if (parent !== path) makeFolder(parent);
  try {
    mkdirSync(path);
  } catch (error) {
    // another process may have been faster
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

async function written<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new OutputError(`${path} cannot be written: ${(cause as Error).message}.`, { cause });
  }
}

/**
 * @param otherwise what to do but to overwrite
 * @throws OutputError naming the first file that is there already
 */
export function refuseExisting(paths: readonly string[], otherwise: string): void {
  const [first, ...more] = paths.filter((path) => existsSync(path));
  if (first === undefined) return;
  const exist = more.length > 0 ? `and ${more.length} more exist` : 'exists';
  throw new OutputError(`${first} ${exist} already. Replace with --overwrite, or ${otherwise}.`);
}
