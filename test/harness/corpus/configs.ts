import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ConfigError } from '../../../src/errors.ts';
import { configFromText } from '../../../src/loading/config_text.ts';
import { createModel } from '../../../src/models/create.ts';
import { entries } from '../../../src/zoo/index.ts';
import type { CorpusRunner } from './case.ts';
import type { CorpusCase } from './manifest.ts';

/** Cases that are configurations, and edits of the package's configurations. */

export const config: CorpusRunner<unknown> = {
  load: async (path, { file }) => createModel(configFromText(new Uint8Array(readFileSync(path)), file)),
  // the corpus's base configuration is a draft in another form than ours, so any that is read is right
  difference: async () => undefined,
  also: async (path, entry) => {
    if (entry.class === 'config-mutations') return faultOfMutations(path);
    return entry.class === 'config-registry' ? faultOfTypes(path, entry) : undefined;
  },
};

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Path = readonly (string | number)[];

interface Mutation {
  readonly on: 'number leaf' | 'string leaf' | 'array leaf' | 'object' | 'required';
  readonly set?: Json;
  readonly add?: Readonly<Record<string, Json>>;
  readonly add_raw_json?: string;
  readonly delete?: boolean;
  readonly replace_by?: Json;
  readonly note?: string;
}

/** Returns the valid configurations of the package with every field filled. */
function validConfigs(): readonly (readonly [name: string, config: Json])[] {
  return entries.map((entry) => [entry.name, JSON.parse(JSON.stringify(createModel(entry.config).config))]);
}

function faultOfMutations(path: string): string | undefined {
  const { mutations } = JSON.parse(readFileSync(path, 'utf8')) as { mutations: Mutation[] };
  const faults: string[] = [];
  let edits = 0;
  // configurations of one form have the same fields: each field is edited once for each value
  const seen = new Set<string>();
  for (const [name, valid] of validConfigs()) {
    for (const field of fieldsOf(valid)) {
      for (const [i, mutation] of mutations.entries()) {
        const texts = edited(valid, field, mutation);
        const key = `${i} ${field.path.join('.')} ${JSON.stringify(field.value).slice(0, 200)}`;
        if (seen.has(key)) continue;
        seen.add(key);
        for (const { text, told } of texts) {
          edits++;
          const fault = faultOfEdit(text, told, mutation.on === 'required');
          if (fault)
            faults.push(`${name}: ${field.path.join('.')}: ${mutation.note ?? JSON.stringify(mutation)}: ${fault}`);
        }
      }
    }
  }
  if (edits === 0) return 'no edit fits any configuration';
  return faults.length > 0 ? `${faults.length} of ${edits} edits: ${faults.slice(0, 40).join('\n')}` : undefined;
}

/** @param optional the edit removes a key that may not be required, so it may still be valid */
function faultOfEdit(text: string, told: string, optional: boolean): string | undefined {
  try {
    createModel(configFromText(text, 'edited.json'));
    return optional ? undefined : 'was accepted';
  } catch (error) {
    if (!(error instanceof ConfigError)) return `an error that is not a ConfigError: ${error}`;
    return error.message.includes(told) ? undefined : `the message does not name ${told}: ${error.message}`;
  }
}

interface Field {
  readonly path: Path;
  readonly value: Json;
}

/** Yields every value below `value` and itself. Long lists yield their first, middle and last item. */
function* fieldsOf(value: Json, path: Path = []): Generator<Field> {
  yield { path, value };
  if (Array.isArray(value)) {
    const { length } = value;
    const chosen = length <= 8 ? value.keys() : [0, length >> 1, length - 1];
    for (const i of chosen) yield* fieldsOf(value[i]!, [...path, i]);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, item] of Object.entries(value)) yield* fieldsOf(item, [...path, key]);
  }
}

interface Edit {
  readonly text: string;
  /** The name that the message must contain: the field, or the key that was added. */
  readonly told: string;
}

const placeholder = '\u0001';

function edited(whole: Json, { path, value }: Field, mutation: Mutation): Edit[] {
  const name = path.join('.');
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const fits = {
    'number leaf': typeof value === 'number',
    'string leaf': typeof value === 'string',
    'array leaf': Array.isArray(value),
    object: isObject,
    required: isObject,
  }[mutation.on];
  if (fits === undefined) throw new Error(`the corpus edits an unknown kind of field: ${mutation.on}`);
  if (!fits) return [];
  const to = (item: Json) => JSON.stringify(replaced(whole, path, item));
  if (mutation.set !== undefined) {
    // a mean may be negative; it is neither a count nor a size
    if (mutation.set === -1 && path.some((part) => /^means?$/.test(`${part}`))) return [];
    // without a transposed convolution the head reads the stage itself (mmpose's num_deconv_layers: 0)
    if (name === 'pose.head.channels' && JSON.stringify(mutation.set) === '[]') return [];
    return [{ text: to(mutation.set), told: name }];
  }
  if (mutation.replace_by !== undefined) return [{ text: to(mutation.replace_by), told: name }];
  const fields = value as { [key: string]: Json };
  if (mutation.add) {
    return Object.entries(mutation.add).map(([key, item]) => ({ text: to({ ...fields, [key]: item }), told: key }));
  }
  if (mutation.add_raw_json) {
    const text = to({ ...fields, [placeholder]: 0 }).replace(`${JSON.stringify(placeholder)}:0`, mutation.add_raw_json);
    return [{ text, told: '__proto__' }];
  }
  if (!mutation.delete) throw new Error(`the corpus has an unknown mutation: ${JSON.stringify(mutation)}`);
  return Object.keys(fields).map((key) => {
    const { [key]: _, ...rest } = fields;
    return { text: to(rest), told: [...path, key].join('.') };
  });
}

function replaced(value: Json, [step, ...rest]: Path, by: Json): Json {
  if (step === undefined) return by;
  const child = (value as Record<string | number, Json>)[step]!;
  const inner = replaced(child, rest, by);
  if (Array.isArray(value)) return value.map((item, i) => (i === step ? inner : item));
  return { ...(value as { [key: string]: Json }), [step]: inner };
}

/** Puts the file's hostile names into every `type` of the package's configurations. */
function faultOfTypes(path: string, { file }: CorpusCase): string | undefined {
  const typesIn = (text: string) =>
    [...fieldsOf(JSON.parse(text) as Json)].filter((field) => field.path.at(-1) === 'type').map(({ value }) => value);
  const base = typesIn(readFileSync(join(dirname(path), 'base.json'), 'utf8'));
  const hostile = typesIn(readFileSync(path, 'utf8')).filter((type) => !base.includes(type));
  if (hostile.length === 0) return `${file} has no type besides those of the base configuration`;
  for (const [name, valid] of validConfigs()) {
    for (const field of fieldsOf(valid)) {
      if (field.path.at(-1) !== 'type') continue;
      for (const type of hostile) {
        const text = JSON.stringify(replaced(valid, field.path, type));
        const fault = faultOfEdit(text, 'Known: ', false);
        if (fault) return `${name}: ${field.path.join('.')} ${JSON.stringify(type)}: ${fault}`;
      }
    }
  }
  return undefined;
}
