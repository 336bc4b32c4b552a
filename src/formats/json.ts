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

/** Takes a member of the outermost object as soon as it is read. */
export type OnMember = (name: string, value: JsonValue) => void;

/** Thrown for a text with more values than the caller allows. */
export class JsonLimit extends JsonProblem {}

interface Parser {
  readonly text: string;
  readonly nesting: number;
  /** Values that may still follow. */
  values: number;
  at: number;
}

/** The stack holds this many levels on every platform, whatever the caller allows. */
const deepest = 1000;

function readValue(parser: Parser, depth: number): JsonValue {
  skipSpace(parser);
  const { text, at } = parser;
  if (--parser.values < 0) throw new JsonLimit(at, 'too many values');
  switch (text[at]) {
    case '{':
    case '[':
      if (depth >= Math.min(parser.nesting, deepest)) {
        throw new JsonProblem(at, `nested deeper than ${Math.min(parser.nesting, deepest)}`);
      }
      parser.at++;
      return text[at] === '{' ? readObject(parser, depth + 1) : readArray(parser, depth + 1);
    case '"':
      return readString(parser);
    case 't':
      return readWord(parser, 'true', true);
    case 'f':
      return readWord(parser, 'false', false);
    case 'n':
      return readWord(parser, 'null', null);
    default:
      return readNumber(parser);
  }
}

function readWord(parser: Parser, word: string, value: JsonValue): JsonValue {
  if (!parser.text.startsWith(word, parser.at)) {
    throw new JsonProblem(parser.at, `expected a value, found ${shown(parser)}`);
  }
  parser.at += word.length;
  return value;
}

function readObject(parser: Parser, depth: number): ReadonlyMap<string, JsonValue> {
  const object = new Map<string, JsonValue>();
  readMembers(
    parser,
    depth,
    (name) => object.has(name),
    (name, value) => object.set(name, value),
  );
  return object;
}

function readMembers(parser: Parser, depth: number, isKnown: (name: string) => boolean, onMember: OnMember): void {
  if (take(parser, '}')) return;
  do {
    skipSpace(parser);
    const at = parser.at;
    const key = readString(parser);
    if (isKnown(key)) throw new JsonProblem(at, `the name ${JSON.stringify(key.slice(0, 80))} is given twice`);
    expect(parser, ':');
    onMember(key, readValue(parser, depth));
  } while (take(parser, ','));
  expect(parser, '}');
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
  let escaped = false;
  for (let end = at + 1; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === 0x5c) {
      escaped = true;
      end++;
    } else if (code < 0x20) break;
    else if (code === 0x22) {
      parser.at = end + 1;
      if (!escaped) return text.slice(at + 1, end);
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
  // most numbers of a header are small sizes
  const digits = smallNatural(parser);
  if (digits !== undefined) return digits;
  numberForm.lastIndex = parser.at;
  const match = numberForm.exec(parser.text);
  if (!match) throw new JsonProblem(parser.at, `expected a value, found ${shown(parser)}`);
  const value = Number(match[0]);
  if (!Number.isFinite(value)) throw new JsonProblem(parser.at, `the number ${match[0].slice(0, 40)} is too large`);
  parser.at = numberForm.lastIndex;
  return value;
}

/** Reads up to 15 digits that nothing else of a number follows; `undefined`, and nothing read, for other numbers. */
function smallNatural(parser: Parser): number | undefined {
  const { text, at } = parser;
  let value = 0;
  let end = at;
  for (let code = text.charCodeAt(end); code >= 0x30 && code <= 0x39; code = text.charCodeAt(++end)) {
    value = 10 * value + code - 0x30;
  }
  const [length, after] = [end - at, text[end] ?? ''];
  if (length === 0 || length > 15 || (length > 1 && text[at] === '0') || '.eE'.includes(after || ' ')) return undefined;
  parser.at = end;
  return value;
}

function skipSpace(parser: Parser): void {
  const { text } = parser;
  for (let code = text.charCodeAt(parser.at); code === 0x20 || (code >= 9 && code <= 13); ) {
    if (code === 11 || code === 12) return;
    code = text.charCodeAt(++parser.at);
  }
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

/** What a text may ask for. */
export interface JsonLimits {
  readonly nesting: number;
  /** The most values, by default any number of them. */
  readonly values?: number;
}

const parserOf = (text: string, { nesting, values = Number.POSITIVE_INFINITY }: JsonLimits): Parser => ({
  text,
  nesting,
  values,
  at: 0,
});

/** @throws JsonProblem with the offset of the fault, in characters */
export function parseStrictJson(text: string, nesting: number): JsonValue {
  const parser = parserOf(text, { nesting });
  const value = readValue(parser, 0);
  checkEnd(parser);
  return value;
}

/**
 * Parses a text that is an object, and hands over its members one by one, so that they need not be in memory together.
 *
 * @param isKnown tells whether there was a member of this name before
 * @throws JsonLimit if there are too many values, JsonProblem for other faults and for other values than objects
 */
export function parseMembers(
  text: string,
  limits: JsonLimits,
  isKnown: (name: string) => boolean,
  onMember: OnMember,
): void {
  const parser = parserOf(text, limits);
  expect(parser, '{');
  readMembers(parser, 1, isKnown, onMember);
  checkEnd(parser);
}

function checkEnd(parser: Parser): void {
  skipSpace(parser);
  if (parser.at < parser.text.length) throw new JsonProblem(parser.at, `unexpected ${shown(parser)} after the value`);
}
