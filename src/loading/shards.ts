import { type Checkpoint, openCheckpoint } from '../formats/checkpoint.ts';
import { checkpointContext } from '../formats/context.ts';
import { joinShards, readShardIndex, shardNameOf } from '../formats/shards.ts';
import { isShardIndex, sniffedBytes } from '../formats/sniff.ts';
import type { Source } from '../formats/source.ts';

/**
 * Opens a checkpoint in one file, or in several by their index.
 *
 * @throws CheckpointRefusal as the readers of files, and for a shard without its index
 */
export async function openWhole(source: Source): Promise<Checkpoint> {
  const { refuse } = checkpointContext(source.name);
  const part = shardNameOf(source.name);
  if (part && part.count > 1) {
    const reason = `this is one file of ${part.count} that make a checkpoint (shards)`;
    throw refuse('unsupported', '', reason, `Give their index: ${part.index}, which lies beside them.`);
  }
  const head = await source.read(0, Math.min(source.size, sniffedBytes));
  const { beside } = source;
  if (!beside || !isShardIndex(source.name, head)) return openCheckpoint(source);
  const index = await readShardIndex(source);
  const shards = new Map<string, Checkpoint>();
  for (const file of index.files) shards.set(file, await openCheckpoint(await beside(file)));
  return joinShards(index, shards);
}
