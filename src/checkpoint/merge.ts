import { CheckpointError } from '../errors.ts';
import type { TensorEntry } from './tensor_entry.ts';

/**
 * Joins the tensors of several files into one set; a key in two of them must hold the same values.
 *
 * @throws CheckpointError that names the key and both files.
 */
export async function mergeEntries(
  sets: readonly { readonly file: string; readonly entries: ReadonlyMap<string, TensorEntry> }[],
): Promise<Map<string, TensorEntry>> {
  const merged = new Map<string, TensorEntry>();
  const from = new Map<string, string>();
  for (const { file, entries } of sets) {
    for (const [key, entry] of entries) {
      const before = merged.get(key);
      if (before && !(await sameTensor(before, entry))) {
        throw new CheckpointError(
          `${key} differs between ${from.get(key)} and ${file}. Merge files of one model only.`,
        );
      }
      if (before) continue;
      merged.set(key, entry);
      from.set(key, file);
    }
  }
  return merged;
}

async function sameTensor(a: TensorEntry, b: TensorEntry): Promise<boolean> {
  if (a.dtype !== b.dtype || a.shape.join() !== b.shape.join()) return false;
  const [x, y] = [await a.bytes(), await b.bytes()];
  return x.every((byte, i) => byte === y[i]);
}
