import { createHash } from 'node:crypto';
import {
  CheckpointRefusal,
  openCheckpoint,
  openSafetensors,
  type Source,
  type TensorEntry,
} from '../../../src/formats/index.ts';
import { fillParameters } from '../../../src/loading/fill.ts';
import { stateDictOf } from '../../../src/loading/state_dict.ts';
import { checkpointParameters, createModel } from '../../../src/models/create.ts';
import { fromOfficial } from '../../../src/models/mm/moganet.ts';
import { openFileSource } from '../../../src/platform/node/files.ts';
import type { CorpusRunner } from './case.ts';
import type { CorpusCase, OfficialModel } from './manifest.ts';

/**
 * Cases that are checkpoints. The weights are found; every tensor is read and compared at once, so that only one is in
 * memory; a model is filled if the case has one. The value of a case is what differs.
 */
export const checkpoint: CorpusRunner<string | undefined> = {
  load: async (path, entry) => {
    const opened = await openFileSource(path);
    try {
      return await read({ ...opened, name: entry.file }, entry);
    } finally {
      await opened.close();
    }
  },
  difference: async (difference) => difference,
};

/** Returns what differs from the manifest; `undefined` if nothing does. */
async function read(source: Source, { equals, kind }: CorpusCase): Promise<string | undefined> {
  const safetensors = kind === 'safetensors' || kind === 'pth-other';
  const checkpoint = await openCheckpoint(source);
  // a safetensors file without tensors is valid, but it has no weights
  const entries =
    safetensors && checkpoint.format === 'safetensors'
      ? (await openSafetensors(source)).tensors
      : stateDictOf(checkpoint).entries;
  const difference = await compareTensors(entries, equals);
  if (difference) return difference;
  if (equals?.must_report === 'non-finite') return reportsNonFinite(entries, source.name);
  if (equals?.model) await fill(equals.model, entries, source.name);
  return undefined;
}

async function compareTensors(
  entries: ReadonlyMap<string, TensorEntry>,
  equals: CorpusCase['equals'],
): Promise<string | undefined> {
  const expected = equals?.tensors && new Map(Object.entries(equals.tensors));
  const count = equals?.tensor_count ?? expected?.size;
  if (count !== undefined && entries.size !== count) return `has ${entries.size} tensors, expected ${count}`;
  for (const [key, entry] of entries) {
    const { data } = await entry.read();
    if (!expected) continue;
    const wanted = expected.get(key);
    if (!wanted) return `has an unexpected tensor ${key}`;
    const widened = entry.dtype === 'float16' || entry.dtype === 'bfloat16';
    const bytes = widened ? await entry.bytes() : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const hash = createHash('sha256').update(bytes).digest('hex');
    const facts = `${entry.dtype} [${entry.shape.join(', ')}] ${hash}`;
    const wantedFacts = `${wanted.dtype} [${wanted.shape.join(', ')}] ${wanted.bytes_sha256}`;
    if (facts !== wantedFacts) return `${key} is ${facts}, expected ${wantedFacts}`;
  }
  return undefined;
}

async function reportsNonFinite(entries: ReadonlyMap<string, TensorEntry>, file: string): Promise<string | undefined> {
  const parameters = [...entries].map(([key, { shape }]) => ({ key, shape, kind: 'parameter' as const }));
  try {
    await fillParameters(parameters, entries, { file });
  } catch (error) {
    if (error instanceof CheckpointRefusal && error.code === 'value') return undefined;
    throw error;
  }
  return 'NaN and infinite weights are filled in without an error';
}

async function fill(model: OfficialModel, entries: ReadonlyMap<string, TensorEntry>, file: string): Promise<void> {
  if (model.kind !== 'moganet') throw new Error(`unknown kind of model in the corpus: ${model.kind}`);
  const { config, classes } = fromOfficial({ type: 'MogaNet', arch: model.arch, ...model.kwargs });
  const definition = createModel({ backbone: config, classification: { classes } });
  await fillParameters(checkpointParameters(definition), entries, { file });
}
