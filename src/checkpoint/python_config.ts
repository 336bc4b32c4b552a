import { ConfigError } from '../errors.ts';
import { PythonParser } from './python_parser.ts';
import { JsonProblem, type JsonValue, parseStrictJson } from './strict_json.ts';

/** JSON-like data; tuples have become arrays. */
export type PlainData = null | boolean | number | string | readonly PlainData[] | { readonly [key: string]: PlainData };

const nesting = 100;
const longestText = 4 * 2 ** 20;

/**
 * Reads a configuration as training frameworks note it in a checkpoint (`meta.config`, `meta.cfg`): Python text with
 * assignments of literals and `dict(...)` calls as mmcv writes it, a Python literal, or JSON. It is read as data and
 * never run.
 *
 * @param name what messages call the text.
 * @returns the variables or the object's fields: a configuration with its `model`, or the model's dict alone.
 *   `undefined` where the text is empty or its model lacks a type or a backbone: an incomplete one counts as none.
 * @throws ConfigError that names the line and the construct, for everything else.
 */
export function readConfigText(text: string, name = 'meta.config'): Readonly<Record<string, PlainData>> | undefined {
  if (text.length > longestText)
    throw new ConfigError(`${name}: ${text.length} characters, the limit is ${longestText}.`);
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const data = jsonObject(trimmed, name) ?? new PythonParser(text, name, nesting).module();
  return isComplete(data) ? data : undefined;
}

/** The fields of a text that is JSON; `undefined` for other texts, which may still be a Python literal. */
function jsonObject(text: string, name: string): Readonly<Record<string, PlainData>> | undefined {
  if (!text.startsWith('{')) return undefined;
  let value: JsonValue;
  try {
    value = parseStrictJson(text, nesting);
  } catch (cause) {
    if (cause instanceof JsonProblem) return undefined;
    throw cause;
  }
  return plain(value, name) as Readonly<Record<string, PlainData>>;
}

function plain(value: JsonValue, name: string): PlainData {
  if (Array.isArray(value)) return value.map((item) => plain(item, name));
  if (!(value instanceof Map)) return value as PlainData;
  const record: Record<string, PlainData> = {};
  for (const [key, item] of value) {
    if (key === '__proto__') throw new ConfigError(`${name}: the key "__proto__" is not allowed. Remove it.`);
    record[key] = plain(item, name);
  }
  return record;
}

/** A model's dict, or a configuration that has one under `model`; a model says at least its type and its backbone. */
function isComplete(data: Readonly<Record<string, PlainData>>): boolean {
  const model = isRecord(data.model) ? data.model : data;
  return 'type' in model && isRecord(model.backbone);
}

function isRecord(value: PlainData | undefined): value is { readonly [key: string]: PlainData } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
