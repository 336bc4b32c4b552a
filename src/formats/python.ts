import { ConfigError } from '../errors.ts';
import { JsonProblem, type JsonValue, parseStrictJson } from './json.ts';

/**
 * Reads configurations as training frameworks note them in a checkpoint: Python text or JSON, as data and never run.
 * The text is split into tokens, and a small parser takes literals and `dict(...)` calls.
 */

/** JSON-like data; tuples have become arrays. */
export type PlainData = null | boolean | number | string | readonly PlainData[] | { readonly [key: string]: PlainData };

const nesting = 100;
const longestText = 4 * 2 ** 20;
/** Words, numbers and marks of a configuration. Long lists of classes have ten thousand. */
const mostTokens = 500_000;

/** A word of a Python text, as far as literals and calls need them. */
interface Token {
  readonly kind: 'name' | 'number' | 'string' | 'mark' | 'newline' | 'end';
  /** The text as written; for a string, its value. */
  readonly text: string;
  readonly line: number;
}

const space = /[ \t\f\r]+|#[^\n]*|\\\r?\n/y;
const name = /[\p{L}_][\p{L}\p{N}_]*/uy;
const number =
  /(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][-+]?\d[\d_]*)?)[jJ\w]*/y;
const stringStart = /([a-zA-Z]{0,2})('''|"""|'|")/y;

/** Splits a text into tokens. Line ends inside brackets are skipped. */
function tokensOf(text: string, file: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  let depth = 0;
  const match = (pattern: RegExp) => {
    pattern.lastIndex = at;
    return pattern.exec(text);
  };
  while (at < text.length) {
    if (tokens.length > mostTokens) {
      throw new ConfigError(`${file}: more than ${mostTokens} words, numbers and marks. Shorten it.`);
    }
    const blank = match(space);
    if (blank) {
      at += blank[0].length;
      if (blank[0].startsWith('\\')) line++;
      continue;
    }
    const character = text.charAt(at);
    if (character === '\n') {
      if (depth === 0) tokens.push({ kind: 'newline', text: '\n', line });
      line++;
      at++;
      continue;
    }
    const quote = match(stringStart);
    if (quote) {
      const [start, prefix = '', mark = ''] = quote;
      const problem = (what: string) => new ConfigError(`${file} line ${line}: ${what}. Only plain literals are read.`);
      const string = readString(text, at + start.length, mark, prefix.toLowerCase(), problem);
      tokens.push({ kind: 'string', text: string.value, line });
      line += text.slice(at, string.end).split('\n').length - 1;
      at = string.end;
      continue;
    }
    const word = match(number) ?? match(name);
    if (word) {
      tokens.push({ kind: /[\d.]/.test(character) ? 'number' : 'name', text: word[0], line });
      at += word[0].length;
      continue;
    }
    if ('([{'.includes(character)) depth++;
    if (')]}'.includes(character)) depth--;
    tokens.push({ kind: 'mark', text: character, line });
    at++;
  }
  tokens.push({ kind: 'end', text: 'the end', line });
  return tokens;
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
  ['n', '\n'],
  ['t', '\t'],
  ['r', '\r'],
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['v', '\v'],
  ['\n', ''],
]);
const codeEscape = /x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{1,3})/y;

/** Reads a string from behind its first `quote`, with the prefix that stood before. */
function readString(
  text: string,
  start: number,
  quote: string,
  prefix: string,
  problem: (what: string) => ConfigError,
): { readonly value: string; readonly end: number } {
  if (prefix !== '' && prefix !== 'r' && prefix !== 'u') throw problem(`a string with the prefix "${prefix}"`);
  let value = '';
  for (let at = start; at < text.length; ) {
    if (text.startsWith(quote, at)) return { value, end: at + quote.length };
    const character = text.charAt(at);
    if (character === '\n' && quote.length === 1) break;
    if (character !== '\\') {
      value += character;
      at++;
      continue;
    }
    if (prefix === 'r') {
      value += text.slice(at, at + 2);
      at += 2;
      continue;
    }
    const simple = escapes.get(text.charAt(at + 1));
    codeEscape.lastIndex = at + 1;
    const code = simple === undefined ? codeEscape.exec(text) : null;
    if (code) {
      const [, two, four, eight = '', octal] = code;
      const point = octal === undefined ? Number.parseInt(two ?? four ?? eight, 16) : Number.parseInt(octal, 8);
      if (point > 0x10ffff) throw problem('a character beyond Unicode');
      value += String.fromCodePoint(point);
      at += 1 + code[0].length;
    } else if (text[at + 1] === 'N') throw problem('a character by its name');
    else {
      // an escape that Python does not know stays as it is written
      value += simple ?? text.slice(at, at + 2);
      at += 2;
    }
  }
  throw problem('a string without an end');
}

const constants: ReadonlyMap<string, PlainData> = new Map<string, PlainData>([
  ['None', null],
  ['True', true],
  ['False', false],
]);

const statements: ReadonlySet<string> = new Set(
  (
    'import from def class if else elif for while with try raise return del assert lambda global nonlocal pass exec print ' +
    'async await yield not and or is in'
  ).split(' '),
);

/** Reads Python literals and `dict(...)` calls as data. Every other construct is refused with its line and name. */
class PythonParser {
  private readonly tokens: readonly Token[];
  private at = 0;

  constructor(
    text: string,
    private readonly file: string,
  ) {
    this.tokens = tokensOf(text, file);
  }

  /** Reads assignments `name = value`, or one literal dict. */
  module(): Readonly<Record<string, PlainData>> {
    this.skipLines();
    const { kind, text } = this.peek();
    if (this.is('{') || (kind === 'name' && text === 'dict')) {
      const value = this.value(0);
      this.skipLines();
      if (this.peek().kind !== 'end') throw this.problem(`${this.shown()} after the dict`);
      return value as Readonly<Record<string, PlainData>>;
    }
    const variables: Record<string, PlainData> = {};
    for (; this.peek().kind !== 'end'; this.skipLines()) {
      const target = this.next();
      if (target.kind !== 'name') throw this.problem(`a line that begins with ${shownToken(target)}`, target);
      if (statements.has(target.text)) throw this.problem(`the statement "${target.text}"`, target);
      if (!this.take('='))
        throw this.problem(`${this.shown()} behind the name "${target.text}", where "=" was expected`);
      if (this.is('=')) throw this.problem('a comparison');
      this.assign(variables, target.text, this.value(0), target, true);
      const { kind: after } = this.peek();
      if (after !== 'newline' && after !== 'end' && !this.take(';')) {
        throw this.problem(`${this.shown()} behind the value of "${target.text}"`);
      }
    }
    return variables;
  }

  private value(depth: number): PlainData {
    if (depth > nesting) throw this.problem(`values nested deeper than ${nesting}`);
    const token = this.next();
    if (token.kind === 'string') {
      let text = token.text;
      while (this.peek().kind === 'string') text += this.next().text; // adjacent strings are one
      return text;
    }
    if (token.kind === 'number') return this.number(token);
    if (token.kind === 'name') return this.word(token, depth);
    if (token.text === '-' || token.text === '+') {
      const digits = this.next();
      if (digits.kind !== 'number')
        throw this.problem(`the operator "${token.text}" before ${shownToken(digits)}`, token);
      return token.text === '-' ? -this.number(digits) : this.number(digits);
    }
    if (token.text === '[') return this.items(']', depth);
    if (token.text === '(') return this.parenthesis(depth);
    if (token.text === '{') return this.braces(depth);
    throw this.problem(`${shownToken(token)} where a value was expected`, token);
  }

  private word(token: Token, depth: number): PlainData {
    const constant = constants.get(token.text);
    if (constant !== undefined) return constant;
    if (this.is('(') && token.text === 'dict') {
      this.next();
      return this.keywords(depth);
    }
    if (this.is('(')) throw this.problem(`a call of "${token.text}"`, token);
    throw this.problem(
      statements.has(token.text) ? `the expression "${token.text}"` : `the variable "${token.text}"`,
      token,
    );
  }

  private number(token: Token): number {
    const plain = token.text.replaceAll('_', '');
    const value = /^(?:0[xob][\da-f]+|\d+\.?\d*(?:e[-+]?\d+)?|\.\d+(?:e[-+]?\d+)?)$/i.test(plain)
      ? Number(plain)
      : Number.NaN;
    if (!Number.isFinite(value)) throw this.problem(`the number ${token.text.slice(0, 40)}`, token);
    if (/^(?:0[xob][\da-f]+|\d+)$/i.test(plain) && !Number.isSafeInteger(value)) {
      throw this.problem(`the integer ${token.text.slice(0, 40)}, which is beyond 2^53,`, token);
    }
    return value;
  }

  private items(close: string, depth: number): PlainData[] {
    const values: PlainData[] = [];
    while (!this.take(close)) {
      values.push(this.value(depth + 1));
      if (this.take(close)) break;
      this.expect(',', close);
    }
    return values;
  }

  /** Reads a tuple, or a value in parentheses. */
  private parenthesis(depth: number): PlainData {
    if (this.take(')')) return [];
    const first = this.value(depth + 1);
    if (this.take(')')) return first;
    this.expect(',', ')');
    return [first, ...this.items(')', depth)];
  }

  private braces(depth: number): Record<string, PlainData> {
    const record: Record<string, PlainData> = {};
    while (!this.take('}')) {
      const token = this.peek();
      if (this.is('*')) throw this.problem('the unpacking operator');
      const key = this.value(depth + 1);
      if (typeof key !== 'string' && typeof key !== 'number')
        throw this.problem('a dict key that is not a string or number', token);
      if (!this.take(':')) throw this.problem(this.is(',') || this.is('}') ? 'a set' : this.shown());
      this.assign(record, String(key), this.value(depth + 1), token, false);
      if (this.take('}')) break;
      this.expect(',', '}');
    }
    return record;
  }

  private keywords(depth: number): PlainData {
    let record: Record<string, PlainData> = {};
    if (this.take('{')) {
      record = this.braces(depth + 1); // mmcv writes a dict whose keys are not names as dict({0: …})
      if (this.take(')')) return record;
      this.expect(',', ')');
    }
    while (!this.take(')')) {
      const token = this.next();
      if (token.text === '*') throw this.problem('the unpacking operator', token);
      if (token.kind !== 'name' || !this.take('='))
        throw this.problem('a dict(...) with arguments other than name=value', token);
      this.assign(record, token.text, this.value(depth + 1), token, false);
      if (this.take(')')) break;
      this.expect(',', ')');
    }
    return record;
  }

  private assign(record: Record<string, PlainData>, key: string, value: PlainData, token: Token, again: boolean): void {
    if (key === '__proto__') throw this.problem('the key "__proto__"', token);
    if (!again && Object.hasOwn(record, key)) throw this.problem(`the key "${key}" twice`, token);
    record[key] = value;
  }

  private peek(): Token {
    return this.tokens[this.at]!; // the last token is the end, which is never passed
  }
  private next(): Token {
    const token = this.peek();
    if (token.kind !== 'end') this.at++;
    return token;
  }
  private is(mark: string): boolean {
    const { kind, text } = this.peek();
    return kind === 'mark' && text === mark;
  }
  private take(mark: string): boolean {
    if (!this.is(mark)) return false;
    this.at++;
    return true;
  }
  private expect(mark: string, close: string): void {
    if (this.peek().kind === 'name' && this.peek().text === 'for') throw this.problem('a comprehension');
    if (!this.take(mark)) throw this.problem(`${this.shown()} where "${mark}" or "${close}" was expected`);
  }
  private skipLines(): void {
    while (this.peek().kind === 'newline') this.at++;
  }
  private shown(): string {
    return shownToken(this.peek());
  }
  private problem(what: string, token = this.peek()): ConfigError {
    return new ConfigError(
      `${this.file} line ${token.line}: ${what} is not read. A configuration is assignments of literals and dict(...) calls.`,
    );
  }
}

function shownToken({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the text';
  if (kind === 'newline') return 'the end of the line';
  return kind === 'string' ? 'a string' : `"${text.slice(0, 40)}"`;
}

/** Reads the fields of a JSON text; `undefined` for other texts, which may still be a Python literal. */
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

/** Tells whether the data has a model, by itself or under `model`, that states at least its type and its backbone. */
function isComplete(data: Readonly<Record<string, PlainData>>): boolean {
  const model = isRecord(data.model) ? data.model : data;
  return 'type' in model && isRecord(model.backbone);
}

function isRecord(value: PlainData | undefined): value is { readonly [key: string]: PlainData } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Reads a configuration as training frameworks note it in a checkpoint (`meta.config`, `meta.cfg`): Python text with
 * assignments of literals and `dict(...)` calls as mmcv writes it, a Python literal, or JSON. It is read as data and
 * never run.
 *
 * @param name the text's name in messages
 * @returns the variables or the object's fields: a configuration with its `model`, or the model's dict alone.
 *   `undefined` if the text is empty, or if its model lacks a type or a backbone
 * @throws ConfigError that names the line and the construct, for every other text
 */
export function readConfigText(text: string, name = 'meta.config'): Readonly<Record<string, PlainData>> | undefined {
  if (text.length > longestText) {
    throw new ConfigError(`${name}: ${text.length} characters, the limit is ${longestText}.`);
  }
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  const data = jsonObject(trimmed, name) ?? new PythonParser(text, name).module();
  return isComplete(data) ? data : undefined;
}
