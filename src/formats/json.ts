/**
 * Parses JSON by the letter of the standard. Unlike `JSON.parse`, it refuses a key given twice, keeps names out of
 * object prototypes (objects are Maps), refuses numbers that overflow, and has a depth limit.
 */

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | ReadonlyMap<string, JsonValue>;

/** Thrown for a text that is not JSON. Readers turn it into an error that names the file. */
export class JsonProblem extends Error {
  constructor(
    readonly offset: number,
    reason: string,
  ) {
    super(reason);
  }
}

interface Parser {
  readonly text: string;
  readonly nesting: number;
  at: number;
}

const words: readonly (readonly [string, JsonValue])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

function readValue(parser: Parser, depth: number): JsonValue {
  skipSpace(parser);
  const { text, at } = parser;
  const first = text[at];
  if (first === '{' || first === '[') {
    if (depth >= parser.nesting) throw new JsonProblem(at, `nested deeper than ${parser.nesting}`);
    parser.at++;
    return first === '{' ? readObject(parser, depth + 1) : readArray(parser, depth + 1);
  }
  if (first === '"') return readString(parser);
  for (const [word, value] of words) {
    if (text.startsWith(word, at)) {
      parser.at += word.length;
      return value;
    }
  }
  return readNumber(parser);
}

function readObject(parser: Parser, depth: number): ReadonlyMap<string, JsonValue> {
  const object = new Map<string, JsonValue>();
  if (take(parser, '}')) return object;
  do {
    skipSpace(parser);
    const at = parser.at;
    const key = readString(parser);
    if (object.has(key)) throw new JsonProblem(at, `the name ${JSON.stringify(key.slice(0, 80))} is given twice`);
    expect(parser, ':');
    object.set(key, readValue(parser, depth));
  } while (take(parser, ','));
  expect(parser, '}');
  return object;
}

function readArray(parser: Parser, depth: number): readonly JsonValue[] {
  const array: JsonValue[] = [];
  if (take(parser, ']')) return array;
  do array.push(readValue(parser, depth));
  while (take(parser, ','));
  expect(parser, ']');
  return array;
}

function readString(parser: Parser): string {
  const { text, at } = parser;
  if (text[at] !== '"') throw new JsonProblem(at, `expected a name in double quotes, found ${shown(parser)}`);
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === 0x5c) end++;
    else if (code < 0x20) break;
    else if (code === 0x22) {
      parser.at = end + 1;
      try {
        // JSON.parse checks and resolves the escapes
        return JSON.parse(text.slice(at, end + 1)) as string;
      } catch {
        throw new JsonProblem(at, 'a string with an invalid escape');
      }
    }
  }
  throw new JsonProblem(at, 'a string without an end');
}

const numberForm = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

function readNumber(parser: Parser): number {
  numberForm.lastIndex = parser.at;
  const match = numberForm.exec(parser.text);
  if (!match) throw new JsonProblem(parser.at, `expected a value, found ${shown(parser)}`);
  const value = Number(match[0]);
  if (!Number.isFinite(value)) throw new JsonProblem(parser.at, `the number ${match[0].slice(0, 40)} is too large`);
  parser.at = numberForm.lastIndex;
  return value;
}

function skipSpace(parser: Parser): void {
  while (' \t\n\r'.includes(parser.text[parser.at] ?? '?')) parser.at++;
}

function take(parser: Parser, mark: string): boolean {
  skipSpace(parser);
  if (parser.text[parser.at] !== mark) return false;
  parser.at++;
  return true;
}

function expect(parser: Parser, mark: string): void {
  if (!take(parser, mark)) throw new JsonProblem(parser.at, `expected "${mark}", found ${shown(parser)}`);
}

function shown(parser: Parser): string {
  const found = parser.text[parser.at];
  return found === undefined ? 'the end' : JSON.stringify(found);
}

/** @throws JsonProblem with the offset of the fault, in characters */
export function parseStrictJson(text: string, nesting: number): JsonValue {
  const parser = { text, at: 0, nesting };
  const value = readValue(parser, 0);
  skipSpace(parser);
  if (parser.at < text.length) throw new JsonProblem(parser.at, `unexpected ${shown(parser)} after the value`);
  return value;
}
