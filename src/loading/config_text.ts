import { ConfigError } from '../errors.ts';
import { JsonProblem, type JsonValue, parseStrictJson } from '../formats/json.ts';
import type { ModelConfig } from '../models/config.ts';
import { resolveConfig, type Tables } from '../models/create.ts';

/** A configuration has a handful of levels; what nests deeper is none. */
const nesting = 32;
/** A hundred times the longest one, which is mostly names of classes. */
const mostBytes = 4 * 2 ** 20;

/**
 * Reads a model's configuration from JSON as the standard says and no more (no comments, no key twice); UTF-8 or,
 * where a byte order mark says so, UTF-16.
 *
 * @param file what messages call the text
 * @throws ConfigError naming the file and the place: the character, or the field and the nearest known name
 */
export function configFromText(text: string | Uint8Array, file: string, tables?: Tables): ModelConfig {
  if (text.length > mostBytes) throw new ConfigError(`${file}: ${text.length} bytes are too many for a configuration.`);
  const plain = typeof text === 'string' ? text.replace(/^\ufeff/, '') : decoded(text, file);
  let value: JsonValue;
  try {
    value = parseStrictJson(plain, nesting);
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    const { line, column } = placeOf(plain, cause.offset);
    throw new ConfigError(`${file}: this is not JSON, line ${line}, column ${column}: ${cause.message}.`, { cause });
  }
  const config = plainOf(value);
  resolveConfig(config, file, tables);
  return config as ModelConfig; // checked in the line above; fields with defaults may be left out
}

function decoded(bytes: Uint8Array, file: string): string {
  try {
    // a byte order mark says which; PowerShell writes UTF-16
    const utf16 =
      bytes[0] === 0xff && bytes[1] === 0xfe ? 'utf-16le' : bytes[0] === 0xfe && bytes[1] === 0xff && 'utf-16be';
    return new TextDecoder(utf16 || 'utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigError(`${file}: this is not JSON: it is not UTF-8 text. Save it as UTF-8.`, { cause });
  }
}

function placeOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset).split('\n');
  return { line: before.length, column: before.at(-1)!.length + 1 };
}

/** Objects have no prototype, so that a key like `__proto__` is a key, and no field of a schema. */
function plainOf(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (!(value instanceof Map)) return value;
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, item] of value) object[key] = plainOf(item);
  return object;
}
