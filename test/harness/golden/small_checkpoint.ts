import { openCheckpoint } from '../../../src/formats/index.ts';
import { stateDictOf } from '../../../src/loading/state_dict.ts';
import { openFileSource } from '../../../src/platform/node/files.ts';
import { type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Reads every tensor of a checkpoint that cases of the folder load, and compares what the cases say about it. */
export async function runSmallCheckpoint(
  path: string,
  cases: readonly Pick<GoldenCase, 'name' | 'json'>[],
): Promise<void> {
  const source = await openFileSource(path);
  try {
    const checkpoint = await openCheckpoint(source);
    const { entries } = stateDictOf(checkpoint);
    for (const [key, entry] of entries) {
      const { data } = await entry.read();
      for (const value of data)
        if (!Number.isFinite(Number(value))) throw new GoldenMismatch(`${key}: has values that are not finite`);
    }
    for (const { name, json } of cases.filter((one) => path.endsWith(`/${one.json.checkpoint}`))) {
      const said = [
        ['keys', json.keys_count, entries.size],
        ['format', json.checkpoint_format, checkpoint.format],
      ] as const;
      for (const [what, expected, found] of said) {
        if (expected !== undefined && expected !== found) {
          throw new GoldenMismatch(`${what}: ${found}, expected ${expected} by ${name}`);
        }
      }
    }
  } finally {
    await source.close();
  }
}
