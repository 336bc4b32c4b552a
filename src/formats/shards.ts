import type { Checkpoint } from './checkpoint.ts';
import { type CheckpointContext, type CheckpointLimits, checkpointContext, quoted } from './context.ts';
import { JsonLimit, JsonProblem, type JsonValue, parseMembers } from './json.ts';
import { isTensor, type PickleValue, type TorchTensor } from './pickle_values.ts';
import { checkSource, type Source } from './source.ts';

/**
 * Reads checkpoints in several files (shards). An index, `model.safetensors.index.json`, says which tensor is in which
 * file. Opening the files beside it is up to the caller; here the index is checked, and the shards are joined.
 */

/** The index of a sharded checkpoint. */
export interface ShardIndex extends CheckpointContext {
  /** Names of the shards, sorted. Each is a plain file name: the file lies beside the index. */
  readonly files: readonly string[];
  /** The shard of each tensor, in the order of the index. */
  readonly shardOf: ReadonlyMap<string, string>;
}

const indexRemedy = 'Download the index again from where the shards are from.';
const shardsRemedy = 'Check that index and shards belong together, and download again what is missing.';

/** A name that means the same file on every system and in a URL: no folders, no spaces, no escapes. */
const plainName = /^[A-Za-z0-9_](?:[A-Za-z0-9_.+=@-]{0,250}[A-Za-z0-9_])?$/;
const mostShards = 10_000;
/** Beside one for each tensor an index has a few values. */
const mostValues = 200_000;

/**
 * Reads the index of a sharded checkpoint.
 *
 * @throws CheckpointRefusal `limit`, `malformed`, or `not-a-checkpoint` for JSON without a `weight_map`
 */
export async function readShardIndex(source: Source, options: Partial<CheckpointLimits> = {}): Promise<ShardIndex> {
  checkSource(source, 'readShardIndex');
  const context = checkpointContext(source.name, options);
  const { limits, refuse } = context;
  if (source.size > limits.headerBytes) {
    throw refuse('limit', '', `an index of ${source.size} bytes, the limit is ${limits.headerBytes}`);
  }
  const map = weightMap(await source.read(0, source.size), context);
  const shardOf = new Map<string, string>();
  for (const [tensor, file] of map) {
    if (typeof file !== 'string' || !plainName.test(file) || file.includes('..')) {
      const found =
        typeof file === 'string' ? `${quoted(file)} is not a plain file name beside the index` : 'is no text';
      throw refuse('malformed', `tensor ${quoted(tensor)}`, `its shard ${found}`, indexRemedy);
    }
    shardOf.set(tensor, file);
  }
  const files = [...new Set(shardOf.values())].sort();
  if (files.length === 0) throw refuse('not-a-checkpoint', 'weight_map', 'it names no tensor');
  if (files.length > mostShards) throw refuse('limit', 'weight_map', `it names more than ${mostShards} shards`);
  return { ...context, files, shardOf };
}

function weightMap(bytes: Uint8Array, { limits, refuse }: CheckpointContext): ReadonlyMap<string, JsonValue> {
  const index = new Map<string, JsonValue>();
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const isKnown = (name: string) => index.has(name);
    parseMembers(text, { nesting: limits.nesting, values: mostValues }, isKnown, (name, value) => {
      index.set(name, value);
    });
  } catch (cause) {
    if (cause instanceof JsonLimit) {
      throw refuse('limit', '', `an index of more than ${mostValues} values`, undefined, cause);
    }
    if (cause instanceof JsonProblem) {
      throw refuse('malformed', `character ${cause.offset}`, cause.message, indexRemedy, cause);
    }
    throw refuse('malformed', '', 'the index is not UTF-8', indexRemedy, cause);
  }
  const map = index.get('weight_map');
  if (!(map instanceof Map)) {
    throw refuse('not-a-checkpoint', '', 'this is JSON without "weight_map", not the index of a sharded checkpoint');
  }
  return map;
}

/**
 * Joins the opened shards to one checkpoint. Each tensor is read from the shard that the index names.
 *
 * @param shards the opened shards, by the names in `index.files`
 * @throws CheckpointRefusal `missing` for a shard that is not given, or a tensor that is not in its shard; `malformed`
 *   for a tensor that the index does not name, or names for another shard
 */
export function joinShards(index: ShardIndex, shards: ReadonlyMap<string, Checkpoint>): Checkpoint {
  const { files, shardOf, name, limits, refuse } = index;
  const opened = files.map((file) => {
    const shard = shards.get(file);
    if (!shard) throw refuse('missing', '', `the shard ${quoted(file)} is not there`, shardsRemedy);
    return { file, shard, tensors: shardTensors(index, file, shard) };
  });
  const tensorsOf = new Map(opened.map(({ file, tensors }) => [file, tensors]));
  const root = new Map<PickleValue, PickleValue>();
  for (const [tensor, file] of shardOf) {
    const found = tensorsOf.get(file)?.get(tensor);
    if (!found)
      throw refuse('missing', `tensor ${quoted(tensor)}`, `it is not in its shard ${quoted(file)}`, shardsRemedy);
    root.set(tensor, found);
  }
  for (const { file, shard, tensors } of opened) {
    const metadata = metadataIn(shard);
    for (const [tensor, value] of tensors) {
      const named = shardOf.get(tensor);
      if (named === file) continue;
      const place = `tensor ${quoted(tensor)}`;
      const reason = `the shard ${quoted(file)} has it, the index names ${named === undefined ? 'it nowhere' : quoted(named)}`;
      // another name of a stored tensor is in no index
      if (named !== undefined || !metadata.has(tensor)) throw refuse('malformed', place, reason, shardsRemedy);
      root.set(tensor, value);
    }
  }
  const metadata = new Map(opened.flatMap(({ shard }) => [...metadataIn(shard)]));
  if (metadata.size > 0) root.set('__metadata__', metadata);
  const skipped = [...new Set(opened.flatMap(({ shard }) => shard.skipped))].sort();
  return { name, limits, refuse, format: opened[0]?.shard.format ?? 'safetensors', root, skipped };
}

function shardTensors({ refuse }: ShardIndex, file: string, { root }: Checkpoint): ReadonlyMap<string, TorchTensor> {
  if (!(root instanceof Map)) throw refuse('malformed', `shard ${quoted(file)}`, 'its root is not a dict of tensors');
  const tensors = new Map<string, TorchTensor>();
  for (const [key, value] of root) if (typeof key === 'string' && isTensor(value)) tensors.set(key, value);
  return tensors;
}

/** The metadata of a safetensors file; empty for others. */
function metadataIn({ root, format }: Checkpoint): ReadonlyMap<PickleValue, PickleValue> {
  const metadata = format === 'safetensors' && root instanceof Map ? root.get('__metadata__') : undefined;
  return metadata instanceof Map ? metadata : new Map();
}

/** A file that is one shard of several, by its name. */
export interface ShardName {
  readonly number: number;
  readonly count: number;
  /** Name of the index beside it. */
  readonly index: string;
}

/** Reads a name such as `model-00001-of-00003.safetensors`; `undefined` for other names. */
export function shardNameOf(path: string): ShardName | undefined {
  const name = path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);
  const match = /^(.+)-(\d{1,6})-of-(\d{1,6})(\.[a-z]+)$/i.exec(name);
  if (!match) return undefined;
  const [, stem = '', number, count, ending = ''] = match;
  return { number: Number(number), count: Number(count), index: `${stem}${ending}.index.json` };
}
