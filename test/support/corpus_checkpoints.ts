import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fromOfficial } from '../../src/backbones/moganet_official.ts';
import {
  bytesSource,
  CheckpointRefusal,
  fillParameters,
  openCheckpoint,
  openSafetensors,
  type Source,
  stateDictOf,
  type TensorEntry,
} from '../../src/checkpoint/index.ts';
import { checkpointParameters, createModel } from '../../src/models/create.ts';
import { openFileSource } from '../../src/platform/node/file_source.ts';

/** Cases of the bad-input corpus that are checkpoints, driven by its manifest alone. */

interface OfficialModel {
  readonly kind: string;
  readonly arch: Readonly<Record<string, unknown>>;
  readonly kwargs?: Readonly<Record<string, unknown>>;
}

export interface CheckpointCorpusCase {
  readonly file: string;
  readonly kind: string;
  readonly class: string;
  readonly wrong: string;
  readonly expect: 'accept' | 'reject' | 'either';
  readonly reason?: string;
  readonly level: 'must' | 'should';
  readonly max_seconds: number;
  readonly max_rss_growth_mb: number;
  readonly equals?: {
    readonly tensors?: Readonly<Record<string, { shape: readonly number[]; dtype: string; bytes_sha256: string }>>;
    readonly tensor_count?: number;
    readonly must_report?: string;
    readonly model?: OfficialModel;
  };
}

export interface CheckpointOutcome {
  readonly passed: boolean;
  /** What happened, in a line: the error's text, or what differs. */
  readonly text: string;
  readonly accepted: boolean;
  readonly milliseconds: number;
}

export const checkpointKinds = ['pth-zip', 'pth-legacy', 'pth-other', 'pth-model', 'pickle', 'safetensors'];

/** The corpus: `MOGANET_CORPUS`, or the shared one beside the project, if it is there. */
export function corpusFolder(): string | undefined {
  const here = dirname(new URL(import.meta.url).pathname);
  const folder = process.env.MOGANET_CORPUS ?? join(here, '../../../shared/corpus');
  return existsSync(join(folder, 'manifest.json')) ? folder : undefined;
}

/** The cases; those of a model carry it themselves, since only some entries of the manifest repeat it. */
export function checkpointCorpus(folder: string): readonly CheckpointCorpusCase[] {
  const { files } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as {
    files: CheckpointCorpusCase[];
  };
  const model = files.find(({ equals }) => equals?.model)?.equals?.model;
  return files
    .filter(({ kind }) => checkpointKinds.includes(kind))
    .map((entry) => (entry.kind === 'pth-model' && model ? { ...entry, equals: { model, ...entry.equals } } : entry));
}

/**
 * Reads a file as the library does (open, find the weights, read every tensor; where the case has a model, fill it)
 * and holds the result to its entry of the manifest. Never throws for what the library does.
 */
export async function runCheckpointCase(
  file: Uint8Array | string,
  entry: CheckpointCorpusCase,
): Promise<CheckpointOutcome> {
  const start = performance.now();
  const opened = typeof file === 'string' ? await openFileSource(file) : undefined;
  const source = opened ? { ...opened, name: entry.file } : bytesSource(file as Uint8Array, entry.file);
  let outcome: { passed: boolean; text: string; accepted: boolean };
  try {
    const difference = await read(source, entry);
    const text = entry.expect === 'reject' ? 'was read; it must be refused' : difference;
    outcome = { passed: text === undefined, text: text ?? 'read', accepted: true };
  } catch (error) {
    const typed = error instanceof CheckpointRefusal && error.message.startsWith(entry.file);
    outcome = { passed: typed && entry.expect !== 'accept', text: String(error), accepted: false };
  } finally {
    await opened?.close();
  }
  const milliseconds = performance.now() - start;
  const broken =
    traces() ?? (milliseconds > entry.max_seconds * 1000 ? `took ${milliseconds.toFixed(0)} ms` : undefined);
  return { ...outcome, ...(broken && { passed: false, text: broken }), milliseconds };
}

/** What differs from the manifest; `undefined` for nothing. */
async function read(source: Source, { equals, kind }: CheckpointCorpusCase): Promise<string | undefined> {
  const safetensors = kind === 'safetensors' || kind === 'pth-other';
  const checkpoint = await openCheckpoint(source);
  // a safetensors file without tensors is a file all the same, but no weights
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
  equals: CheckpointCorpusCase['equals'],
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
  return 'NaN and infinite weights are filled in without a word';
}

async function fill(model: OfficialModel, entries: ReadonlyMap<string, TensorEntry>, file: string): Promise<void> {
  if (model.kind !== 'moganet') throw new Error(`the corpus asks for a model of the unknown kind ${model.kind}`);
  const { config, classes } = fromOfficial({ type: 'MogaNet', arch: model.arch, ...model.kwargs });
  const definition = createModel({ backbone: config, classifier: { classes } });
  await fillParameters(checkpointParameters(definition), entries, { file });
}

/** Whether a file did anything that it must not. */
function traces(): string | undefined {
  if ((Object.prototype as { polluted?: unknown }).polluted !== undefined)
    return 'the prototype of objects is polluted';
  if ((globalThis as { __moga_pwned?: unknown }).__moga_pwned !== undefined) return 'code of the file was run';
  const marker = readdirSync(tmpdir()).find((name) => name.startsWith('moga-corpus-marker'));
  return marker && `the file ${marker} was written`;
}
