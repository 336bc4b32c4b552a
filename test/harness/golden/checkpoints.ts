import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { ConfigError, UnsupportedError } from '../../../src/errors.ts';
import {
  type Checkpoint,
  CheckpointRefusal,
  openCheckpoint,
  plainValue,
  readConfigText,
  type TensorEntry,
  tensorsOf,
  type ValuePath,
  valueAt,
} from '../../../src/formats/index.ts';
import { stateDictOf } from '../../../src/loading/state_dict.ts';
import { openFileSource } from '../../../src/platform/node/files.ts';
import { type GoldenCase, GoldenMismatch } from '../golden.ts';

/** Compares the checkpoint readers with files that torch.save and safetensors wrote. */

export interface CheckpointCase {
  readonly name: string;
  /** @throws GoldenMismatch, or UnsupportedError for an optional file that is refused by name. */
  run(): Promise<void>;
}

interface ExpectedTensor {
  readonly path: ValuePath;
  readonly shape: readonly number[];
  readonly dtype: string;
  readonly sum: number | string;
  readonly sum_sq: number | string;
  readonly first: readonly (number | string)[];
}

interface Expected {
  readonly tensors: readonly ExpectedTensor[];
  readonly other_values: readonly { readonly path: ValuePath; readonly value: unknown }[];
}

interface Index {
  readonly files: readonly { readonly file: string; readonly optional?: boolean }[];
  readonly must_refuse: readonly { readonly file: string }[];
}

/** Returns a case for each checkpoint of a golden folder and for each file to refuse. */
export function checkpointCases(folder: string): readonly CheckpointCase[] {
  const at = (file: string) => join(folder, 'checkpoints', file);
  if (!existsSync(at('index.json'))) return [];
  const { files, must_refuse } = JSON.parse(readFileSync(at('index.json'), 'utf8')) as Index;
  return [
    ...files.map(({ file, optional }) => ({
      name: `checkpoints/${file}`,
      run: () => runFile(at(file), optional ?? false),
    })),
    ...must_refuse.map(({ file }) => ({ name: `checkpoints/${file}`, run: () => runRefusal(at(file), file) })),
  ];
}

async function runFile(path: string, optional: boolean): Promise<void> {
  const expected = JSON.parse(readFileSync(`${path}.expected.json`, 'utf8')) as Expected;
  const source = await openFileSource(path);
  try {
    const checkpoint = await openCheckpoint(source);
    await compareTensors(checkpoint, expected.tensors);
    compareValues(checkpoint, expected);
  } catch (error) {
    if (optional && error instanceof CheckpointRefusal) throw new UnsupportedError(error.message, { cause: error });
    throw error;
  } finally {
    await source.close();
  }
}

async function compareTensors(checkpoint: Checkpoint, expected: readonly ExpectedTensor[]): Promise<void> {
  const found = new Map(tensorsOf(checkpoint).map(({ path, entry }) => [JSON.stringify(path), entry]));
  for (const tensor of expected) {
    const name = tensor.path.join('.');
    const entry = found.get(JSON.stringify(tensor.path));
    if (!entry) throw new GoldenMismatch(`${name}: the tensor is not found`);
    found.delete(JSON.stringify(tensor.path));
    await compareTensor(name, entry, tensor);
  }
  const [extra] = found.keys();
  if (extra !== undefined) throw new GoldenMismatch(`${extra}: the file should not have this tensor`);
}

async function compareTensor(name: string, entry: TensorEntry, expected: ExpectedTensor): Promise<void> {
  const equal = (what: string, actual: unknown, wanted: unknown) => {
    if (!isDeepStrictEqual(actual, wanted)) {
      throw new GoldenMismatch(`${name}: ${what} is ${JSON.stringify(actual)}, expected ${JSON.stringify(wanted)}`);
    }
  };
  equal('shape', [...entry.shape], expected.shape);
  equal('dtype', entry.dtype, expected.dtype);
  const { data } = await entry.read();
  const values = Array.from(data as ArrayLike<number | bigint>, Number);
  equal('first', values.slice(0, expected.first.length), expected.first.map(Number));
  const sum = values.reduce((total, value) => total + value, 0);
  const squares = values.reduce((total, value) => total + value * value, 0);
  // float64 sums in another order: 1e-9 of the larger of the sum and the mean square's root, since a sum may cancel
  const scale = Math.sqrt(squares * values.length);
  for (const [what, actual, wanted] of [
    ['sum', sum, Number(expected.sum)],
    ['sum_sq', squares, Number(expected.sum_sq)],
  ] as const) {
    const tolerance = 1e-9 * Math.max(Math.abs(wanted), what === 'sum' ? 1e-3 * scale : 0);
    if (!Object.is(actual, wanted) && !(Math.abs(actual - wanted) <= tolerance)) equal(what, actual, wanted);
  }
}

function compareValues(checkpoint: Checkpoint, { other_values }: Expected): void {
  for (const { path, value } of other_values) {
    if (value === null) continue; // a value without a plain form must only be skipped
    const found = valueAt(checkpoint, path);
    const actual = found === undefined ? undefined : JSON.parse(JSON.stringify(plainValue(checkpoint, found)));
    if (!isDeepStrictEqual(actual, value)) {
      const texts = [JSON.stringify(actual), JSON.stringify(value)];
      throw new GoldenMismatch(`${path.join('.')}: the value is ${texts[0]}, expected ${texts[1]}`);
    }
  }
}

async function runRefusal(path: string, file: string): Promise<void> {
  const source = await openFileSource(path);
  try {
    const checkpoint = await openCheckpoint(source);
    for (const { entry } of tensorsOf(checkpoint)) await entry.read();
  } catch (error) {
    if (error instanceof CheckpointRefusal && error.message.includes(file)) return;
    throw error;
  } finally {
    await source.close();
  }
  throw new GoldenMismatch(`${file}: was read; it must be refused`);
}

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

/** Reads configurations as mmcv writes them and compares the model. */
async function configText({ json, name }: GoldenCase): Promise<void> {
  for (const { name: config, text, model } of json.configs) {
    const spellings = { text, 'a Python literal': pythonLiteral({ model }), JSON: JSON.stringify({ model }) };
    for (const [spelling, spelled] of Object.entries(spellings)) {
      const read = readConfigText(spelled, `${name} ${config}`);
      if (!isDeepStrictEqual(read?.model, model)) {
        throw new GoldenMismatch(`${config} as ${spelling}: model is ${JSON.stringify(read?.model)?.slice(0, 400)}`);
      }
    }
  }
  for (const refused of json.refused ?? []) {
    try {
      readConfigText(refused.text, name);
    } catch (error) {
      if (error instanceof ConfigError) continue;
      throw error;
    }
    throw new GoldenMismatch(`${refused.name}: was read; it must be refused`);
  }
}

function pythonLiteral(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonLiteral).join(', ')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([key, item]) => `${pythonLiteral(key)}: ${pythonLiteral(item)}`);
    return `{${fields.join(', ')}}`;
  }
  if (typeof value === 'string') return `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
  return value === null ? 'None' : value === true ? 'True' : value === false ? 'False' : String(value);
}

export const runners: Record<string, (golden: GoldenCase) => Promise<void>> = { config_text: configText };
