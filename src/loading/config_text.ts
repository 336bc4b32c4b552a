import { ConfigError } from '../errors.ts';
import { JsonProblem, type JsonValue, parseStrictJson } from '../formats/json.ts';
import type { ModelConfig } from '../models/config.ts';
import { checkConfig, type Tables } from '../models/create.ts';
import { foundIn } from '../validate.ts';

/** The deepest nesting that is read. A configuration has about six levels. */
const nesting = 32;
/** The largest text that is read: a hundred times the longest configuration, which is mostly names of classes. */
const mostBytes = 4 * 2 ** 20;

/**
 * Reads a model's configuration from JSON by the standard, without comments or repeated keys. Bytes are UTF-8, or UTF-16 with a byte order
 * mark.
 *
 * @param file the name of the text in messages, by default "configuration"
 * @throws ConfigError naming the file, and line and column, or the field and the nearest known name
 */
export function configFromText(text: string | Uint8Array, file = 'configuration', tables?: Tables): ModelConfig {
  if (typeof text !== 'string' && !ArrayBuffer.isView(text)) {
    throw new ConfigError(`${file}: configFromText takes JSON as text or bytes, got ${foundIn(text)}.`);
  }
  if (text.length > mostBytes)
    throw new ConfigError(`${file}: a configuration has at most ${mostBytes} bytes, got ${text.length}.`);
  const plain = typeof text === 'string' ? text.replace(/^\ufeff/, '') : decoded(text, file);
  let value: JsonValue;
  try {
    value = parseStrictJson(plain, nesting);
  } catch (cause) {
    if (!(cause instanceof JsonProblem)) throw cause;
    const { line, column } = positionOf(plain, cause.offset);
    throw new ConfigError(`${file}: invalid JSON, line ${line}, column ${column}: ${cause.message}.`, { cause });
  }
  const config = plainOf(value);
  checkConfig(config, file, tables);
  return config as ModelConfig; // checked in the line above
}

/** Decodes UTF-8, or UTF-16 with a byte order mark. @throws ConfigError if the bytes are neither */
function decoded(bytes: Uint8Array, file: string): string {
  try {
    // PowerShell writes UTF-16 with a byte order mark
    const [first, second] = bytes;
    const little = first === 0xff && second === 0xfe;
    const big = first === 0xfe && second === 0xff;
    return new TextDecoder(little ? 'utf-16le' : big ? 'utf-16be' : 'utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigError(`${file}: invalid JSON: the bytes are not UTF-8. Save the file as UTF-8.`, { cause });
  }
}

/** Returns line and column of a character, from 1. */
function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: before.length - before.lastIndexOf('\n') };
}

/** Turns maps into objects without a prototype, so that `__proto__` is a key like others. */
function plainOf(value: JsonValue): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (!(value instanceof Map)) return value;
  const object: Record<string, unknown> = Object.create(null);
  for (const [key, item] of value) object[key] = plainOf(item);
  return object;
}
